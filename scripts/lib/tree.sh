# shellcheck shell=bash
# From a base kernel and the series to a tree that can be built.

. "$TOP/scripts/lib/apply.sh"

# kernel_version TREE: as in 7.3.4 or 7.4.0-rc1.
kernel_version() {
	awk '$2 == "=" { v[$1] = $3 }
	     NR == 6 { print v["VERSION"] "." v["PATCHLEVEL"] "." v["SUBLEVEL"] v["EXTRAVERSION"] }' "$1/Makefile"
}

# base_tree WHICH: prints the folder of the unpatched kernel. WHICH is newest, a
# version, or the user's own tree, of which a copy is taken.
base_tree() {
	local which=$1 copy commit
	if [ ! -d "$which" ] && [[ $which =~ ^(newest|[0-9]+\.[0-9][^/]*)$ ]]; then
		fetch_kernel "$which"
		readlink -f "$CACHE/src/$which"
		return
	fi

	[ -f "$which/drivers/xen/Kconfig" ] ||
		die "$which is not a Linux tree (no drivers/xen/Kconfig)" \
		    -- "give --base newest, a version such as 6.12, or the top folder of a tree"
	! too_old "$(kernel_version "$which")" ||
		die "$which is Linux $(kernel_version "$which"), and the series is made for $OLDEST_BASE and newer" \
		    -- "give --base a newer tree"
	if commit=$(git -C "$which" rev-parse --verify -q HEAD 2> /dev/null); then
		copy=$CACHE/src/own-${commit:0:12}
		[ -z "$(git -C "$which" status --porcelain -uno)" ] ||
			say "$which has uncommitted changes: they are not used, its commit ${commit:0:12} is"
	else
		copy=$CACHE/src/own-$(realpath "$which" | sha256sum | cut -c1-12)
		rm -f "$copy/.complete"
	fi
	if [ ! -e "$copy/.complete" ]; then
		have_space "$CACHE" 5 "a copy of $which and its build"
		say "copying $which, which stays as it is"
		rm -rf "$copy"
		mkdir -p "$copy"
		if [ -n "$commit" ]; then
			git -C "$which" archive "$commit" | tar -C "$copy" -x
		else
			tar -C "$which" --exclude=.git -c . | tar -C "$copy" -x
		fi
		touch "$copy/.complete"
	fi
	echo "$copy"
}

# guest_edits BASE TREE MAKEFILE: what the guest's kernels need beside the series.
# They do nothing in a kernel that has neither KASAN nor KCSAN nor GCOV. MAKEFILE is
# that of drivers/xen, before them.
guest_edits() {
	local base=$1 tree=$2 makefile=$3 file
	# A PVH kernel runs C code before kasan_early_init(), with no shadow.
	file=arch/x86/xen/Kconfig
	{
		cat "$base/$file"
		printf '\nconfig XEN_PVH\n'
		printf '\tselect ARCH_NEEDS_DEFER_KASAN\n\tselect ARCH_DISABLE_KASAN_INLINE\n'
	} > "$tree/$file.new"
	renew "$tree/$file"
	# KCSAN looks at a fraction of all accesses: let them be the driver's. The
	# barriers of what it calls count, or their absence would be reported.
	file=scripts/Makefile.lib
	awk '{ print }
	     !done && $0 == "ifeq ($(CONFIG_KCSAN),y)" {
		print "KCSAN_SANITIZE = $(if $(KBUILD_EXTMOD)$(filter drivers/xen/evtchn drivers/xen/evtchn/%,$(obj)/$(target-stem)),,n)"
		print "ifeq ($(KBUILD_EXTMOD),)"
		print "KCSAN_INSTRUMENT_BARRIERS := $(if $(filter kernel kernel/locking kernel/rcu kernel/sched lib,$(obj)),y)"
		print "endif"
		done = 1
	     }' "$base/$file" > "$tree/$file.new"
	renew "$tree/$file"
	file=drivers/xen/Makefile
	{
		cat "$makefile"
		# Of the KUnit tests, too, which include the driver's sources. A line of the
		# driver that only calls a function of the model would not be counted if that
		# function was inline.
		sed -n -e 's,^xen-evtchn.*addprefix \(evtchn.*/\)\,\(.*\))$,\1 \2,p' \
			-e 's,^xen-evtchn.*+= \(evtchn/\)\(.*\)$,\1 \2,p' "$makefile" |
			awk '{ for (i = 2; i <= NF; i++) print "GCOV_PROFILE_" $1 $i " := y" }
			     $1 ~ /tests/ { for (i = 2; i <= NF; i++) print "CFLAGS_" $1 $i \
				" += $(if $(CONFIG_GCOV_KERNEL),-fno-inline-small-functions" \
				" -fno-inline-functions-called-once)" }'
	} > "$tree/$file.new"
	renew "$tree/$file"
}

# renew FILE: FILE.new becomes FILE, if it differs, so that make sees no change
# where there is none. Never in place: FILE may be a link into the base.
renew() {
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# seal BASE TREE REPO: keeps in TREE/.key what TREE is: BASE, and what differs from it,
# which are the files of REPO, if there is one, and guest_edits().
seal() {
	local base=$1 tree=$2 repo=${3:-}
	{
		echo "${base##*/}"
		[ -z "$repo" ] || git -C "$repo" ls-files -z | (cd "$tree" && xargs -0 sha256sum 2>&1)
		(cd "$tree" && sha256sum arch/x86/xen/Kconfig scripts/Makefile.lib drivers/xen/Makefile)
	} | sha256sum > "$tree/.key"
}

# linked_tree BASE TREE: a copy of BASE, of links, as nothing is written in place.
linked_tree() {
	[ ! -e "$2/.complete" ] || return 0
	rm -rf "$2" "$2.new"
	mkdir -p "${2%/*}"
	cp -al "$1" "$2.new"
	mv "$2.new" "$2"
}

# build_folder TREE OUT: makes OUT, if there is none, as a link to a folder just below
# TREE: there Kbuild names the sources by relative paths, so that ccache knows them
# again in another tree. But not where lcov has to find the sources again.
build_folder() {
	local below=$1/build-${2##*/}
	[ ! -e "$2" ] && [[ $2 != *-coverage ]] || return 0
	mkdir -p "$below" "${2%/*}"
	ln -sfn "$below" "$2"
}

# stock_tree BASE: prints the folder of the kernel without the series.
stock_tree() {
	local base=$1 tree=$CACHE/tree/${1##*/}-stock
	[ -e "$base/drivers/xen/evtchn.c" ] ||
		die "$base has no drivers/xen/evtchn.c: no stock driver to run" \
		    -- "leave out --stock, or give another --base"
	linked_tree "$base" "$tree"
	guest_edits "$base" "$tree" "$base/drivers/xen/Makefile"
	seal "$base" "$tree"
	echo "$tree"
}

# some_tree BASE N…: prints the folder of the kernel with these patches alone.
some_tree() {
	local base=$1 tree=$CACHE/tree/${1##*/}-some repo=$CACHE/am/${1##*/}-some file
	shift
	apply_some "$base" "$(current_series "$base")" "$repo" "$@"
	linked_tree "$base" "$tree"
	for file in $(git -C "$repo" ls-files); do
		[ "$file" != drivers/xen/Makefile ] || continue
		mkdir -p "$tree/$(dirname "$file")"
		cp "$repo/$file" "$tree/$file.new"
		renew "$tree/$file"
	done
	guest_edits "$base" "$tree" "$repo/drivers/xen/Makefile"
	seal "$base" "$tree" "$repo"
	echo "$tree"
}

# patched_tree BASE: prints the folder of the kernel with the series. Only
# files that differ are written, so that make rebuilds what changed.
patched_tree() {
	local base=$1 name tree repo series file
	name=$(basename "$base")
	tree=$CACHE/tree/$name
	repo=$CACHE/am/$name
	series=$(current_series "$base")
	apply_series "$base" "$series" "$repo"

	linked_tree "$base" "$tree"
	# What an earlier series added and this one has not goes; so does the
	# removed file.
	{ cat "$tree/.touched" 2> /dev/null || true; echo drivers/xen/evtchn.c; } |
		while read -r file; do
			[ -e "$repo/$file" ] || rm -f "$tree/$file"
			if [ ! -e "$repo/$file" ] && [ -e "$base/$file" ] &&
			   [ "$file" != drivers/xen/evtchn.c ]; then
				cp "$base/$file" "$tree/$file"
			fi
		done
	git -C "$repo" ls-files > "$tree/.touched.new"
	while read -r file; do
		# guest_edits() has its last word on this one.
		[ "$file" != drivers/xen/Makefile ] || continue
		cmp -s "$repo/$file" "$tree/$file" && continue
		mkdir -p "$tree/$(dirname "$file")"
		rm -f "$tree/$file"
		cp "$repo/$file" "$tree/$file"
	done < "$tree/.touched.new"
	mv "$tree/.touched.new" "$tree/.touched"
	guest_edits "$base" "$tree" "$repo/drivers/xen/Makefile"
	seal "$base" "$tree" "$repo"
	say "git am: $(git -C "$repo" rev-list --count base..HEAD) patches on $name"
	echo "$tree"
}
