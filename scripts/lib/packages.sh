# shellcheck shell=bash
# The checks of scripts/test for those who carry the series in a package or run
# the selftests from one. Each fails by its exit status and says why.

# touched_files BASE NAME: prints a folder with the files of BASE that the
# series touches, as they are there.
touched_files() {
	local repo
	repo=$(scratch "$1" "$2")
	git -C "$repo" checkout -q base
	echo "$repo"
}

# same_as_am TREE REPO: whether TREE is what git am made in REPO before it was
# put back to the base, but for the removal, which comes last on each base.
same_as_am() {
	local tree=$1 repo=$2 last
	git -C "$repo" checkout -q '@{-1}~1'
	last=$(diff -r -x .git -x .pc -x patches "$repo" "$tree" || true)
	[ -z "$last" ] || failed "not what git am makes: $(head -3 <<< "$last")"
}

# Without the removal, which patch cannot take; 6.12 with the backport.
check_quilt() {
	local base repo tree
	need_tools quilt quilt
	for base in newest 6.12; do
		repo=$(touched_files $base am-quilt-$base)
		tree=$LOGS/quilt-$base
		rm -rf "$tree" && mkdir -p "$tree"
		cp -r "$TOP/patches" "$tree/patches"
		find "$repo" -mindepth 1 -maxdepth 1 ! -name .git -exec cp -r {} "$tree/" \;
		if [ $base = 6.12 ]; then
			(cd "$tree/patches" && ls backport/*.patch >> series)
		fi
		(cd "$tree" && QUILT_PATCHES=patches quilt --quiltrc=- push -a) > "$tree.log" 2>&1 ||
			{ tail -5 "$tree.log"; failed "quilt push -a on $base"; }
		! grep -iE 'fuzz|FAILED' "$tree.log" || failed "fuzz on $base"
		same_as_am "$tree" "$repo"
	done
}

# As Fedora's kernel.spec applies its patches.
check_rpm() {
	local repo dir=$LOGS/rpm n=0 patch
	need_tools rpmbuild rpm
	repo=$(touched_files newest am-rpm)
	rm -rf "$dir" && mkdir -p "$dir/SOURCES"
	tar -C "$repo" --exclude .git --transform 's,^\.,linux-0,' -cf "$dir/SOURCES/linux-0.tar" .
	{
		printf '%s\n' 'Name: linux' 'Version: 0' 'Release: 0' 'Summary: a test' \
			'License: GPL-2.0-only' 'Source0: linux-0.tar'
		while read -r patch; do
			n=$((n + 1))
			cp "$TOP/patches/$patch" "$dir/SOURCES/"
			echo "Patch$n: $patch"
		done < <(grep -v '^#' "$TOP/patches/series")
		printf '%s\n' '%description' 'A test.' '%prep' '%autosetup -p1'
	} > "$dir/linux.spec"
	rpmbuild --define "_topdir $dir" -bp "$dir/linux.spec" > "$dir.log" 2>&1 ||
		{ tail -5 "$dir.log"; failed "rpmbuild -bp"; }
	[ -e "$dir/BUILD/linux-0/drivers/xen/evtchn/core.c" ] || failed "no driver after rpmbuild -bp"
}

# A tree of selftests that runs elsewhere: unpacked from the archive that
# gen_tar makes, by its own run_kselftest.sh, in a guest that has nothing else.
check_selftest_tar() {
	local tree out dir=$LOGS/kselftest
	tree=$(newest_tree)
	out=$CACHE/build/$(basename "$tree")
	rm -rf "$dir" && mkdir -p "$dir"
	kmake "$tree" "$out" -s headers
	make -C "$tree/tools/testing/selftests" TARGETS=xen O="$dir/build" \
		KHDR_INCLUDES="-isystem $out/usr/include" LDFLAGS=-static KDIR="$out" \
		INSTALL_PATH="$dir/install" FORMAT=.tar.gz TAR_PATH="$dir/kselftest.tar.gz" gen_tar \
		> "$dir.log" 2>&1 || { tail -5 "$dir.log"; failed "gen_tar"; }
	"$TOP/scripts/run" --with "$dir/kselftest.tar.gz" -- "$TOP/scripts/guest/tarball" \
		> "$dir/out" 2> "$dir/err" || { cat "$dir/out" "$dir/err"; failed "run_kselftest.sh"; }
	grep -q '^ok 1 selftests: xen: evtchn_test$' "$dir/out" || { cat "$dir/out"; failed "evtchn_test did not pass"; }
}

# The patch for stable kernels, on the newest and 6.12: it makes of the stock driver
# what the edit makes, and that builds.
check_stable() {
	local base src repo tree out
	for base in newest 6.12; do
		src=$(readlink -f "$CACHE/src/$base")
		repo=$CACHE/test/am-stable-$base
		apply_some "$src" "$TOP/patches" "$repo" stable
		git -C "$repo" checkout -q -b edited base
		(
			BASE=$src
			. "$TOP/scripts/series/history.sh"
			cd "$repo" || exit
			apply_diff "$(field Diff "$TOP/scripts/series/stable")"
			git diff --quiet '@{-1}' || failed "git am and the edit differ on $base"
		)
		tree=$(some_tree "$src" stable)
		out=$CACHE/test/stable-build-$base
		STOCK=1 configure "$tree" "$out" "$TOP/scripts/guest/kernel.config"
		rm -f "$out/drivers/xen/evtchn.o"
		kmake "$tree" "$out" W=1 drivers/xen/evtchn.o > "$out.log" 2>&1 ||
			{ tail -20 "$out.log"; failed "does not build on $base"; }
		! grep -E 'warning|error:' "$out.log" || failed "on $base"
		size "$out/drivers/xen/evtchn.o"
	done
}

# part_one REPO: the first part alone, as README has it.
part_one() {
	local repo=$1
	git -C "$repo" checkout -q -b part-one base
	(cd "$repo" && eval "$(sed -n "s,^ *git am /path/to/\(patches/{.*\),git am -q $TOP/\1,p" "$TOP/README")") ||
		failed "README's command for the first part"
	[ ! -e "$repo/drivers/xen/evtchn.c" ] || failed "the first part leaves the old driver"
	[ -e "$repo/drivers/xen/evtchn/core.c" ] || failed "the first part adds no driver"
	! grep -rq IOCTL_EVTCHN_STATUS "$repo/drivers" "$repo/include" ||
		failed "the first part is not what README says"
}
