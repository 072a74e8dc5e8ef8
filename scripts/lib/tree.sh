# shellcheck shell=bash
# From a base kernel and the series to a tree that can be built.

# base_tree WHICH: prints the folder of the unpatched kernel. WHICH is
# mainline, lts or the user's own tree, of which a copy is taken.
base_tree() {
	local which=$1 copy commit
	case $which in
	mainline | lts)
		fetch_kernel "$which"
		readlink -f "$CACHE/src/$which"
		return
		;;
	esac

	[ -f "$which/drivers/xen/Kconfig" ] ||
		die "$which is not a Linux tree (no drivers/xen/Kconfig)" \
		    -- "give --base mainline, lts, or the top folder of a tree"
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

# current_series BASE: prints the folder of a series that is the tree's as it
# is now: patches/ itself, or one made for this run.
current_series() {
	if "$TOP/scripts/make-series" --fresh 2> /dev/null; then
		echo "$TOP/patches"
		return
	fi
	say "patches/ is older than the tree: testing a series made from the tree (scripts/make-series renews patches/)"
	rm -rf "$CACHE/series"
	"$TOP/scripts/make-series" --base "$1" --out "$CACHE/series" >&2 ||
		die "the series cannot be made" -- "see the message above"
	echo "$CACHE/series"
}

# Files that a folder of patches touches, one a line.
touched() {
	sed -n 's,^diff --git a/\(.*\) b/.*,\1,p' "$@" | sort -u
}

# For commits that nobody sees; who runs this need not have told git a name.
git_identity() {
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_NAME=run GIT_AUTHOR_EMAIL=run@localhost
	export GIT_COMMITTER_NAME=run GIT_COMMITTER_EMAIL=run@localhost
}

# apply_series BASE SERIES REPO: `git am` in a repository that tracks just the
# touched files of BASE.
apply_series() {
	local base=$1 series=$2 repo=$3 patches removal stock file
	patches=("$series"/[0-9]*.patch)
	removal=${patches[-1]}
	git_identity

	stock=$(git hash-object "$base/drivers/xen/evtchn.c" 2> /dev/null || echo none)
	if ! grep -q "^index $stock\.\." "$removal"; then
		say "drivers/xen/evtchn.c of this base is not the one the series was made for: removing it without the last patch"
		unset 'patches[-1]'
	fi
	if ! grep -q 'define kzalloc_obj(' "$base/include/linux/slab.h" ||
	   grep -q 'MODULE_INFO(import_ns, __stringify' "$base/include/linux/module.h"; then
		patches+=("$series"/backport/[0-9]*.patch)
	fi

	rm -rf "$repo"
	mkdir -p "$repo"
	git -C "$repo" init -q
	touched "${patches[@]}" "$removal" | while read -r file; do
		[ -e "$base/$file" ] || continue
		mkdir -p "$repo/$(dirname "$file")"
		cp "$base/$file" "$repo/$file"
	done
	git -C "$repo" add -A
	git -C "$repo" commit -qm base
	git -C "$repo" tag base
	if ! git -C "$repo" am -q "${patches[@]}" > "$repo.log" 2>&1; then
		die "$(grep -m1 '^Patch failed' "$repo.log"): $(grep -m1 '^error:' "$repo.log")" \
		    -- "see $repo.log; the tree is $base"
	fi
	if [ -e "$repo/drivers/xen/evtchn.c" ]; then
		git -C "$repo" rm -q drivers/xen/evtchn.c
		git -C "$repo" commit -qm 'xen/evtchn: remove the single-file driver'
	fi
}

# guest_edits BASE TREE: what the guest's kernels need beside the series. They do
# nothing in a kernel that has neither KASAN nor KCSAN nor GCOV.
guest_edits() {
	local base=$1 tree=$2 file
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
		print "ifeq ($(KBUILD_EXTMOD)$(filter drivers/xen/evtchn,$(obj)),)"
		print "KCSAN_SANITIZE := n"
		print "KCSAN_INSTRUMENT_BARRIERS := $(if $(filter kernel kernel/locking kernel/rcu kernel/sched lib,$(obj)),y)"
		print "endif"
		done = 1
	     }' "$base/$file" > "$tree/$file.new"
	renew "$tree/$file"
	file=drivers/xen/evtchn/Makefile
	{ cat "$CACHE/am/${base##*/}/$file"; echo 'GCOV_PROFILE := y'; } > "$tree/$file.new"
	renew "$tree/$file"
}

# renew FILE: FILE.new becomes FILE, if it differs, so that make sees no change
# where there is none. Never in place: FILE may be a link into the base.
renew() {
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
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

	if [ ! -e "$tree/.complete" ]; then
		rm -rf "$tree"
		mkdir -p "$CACHE/tree"
		# Links, as nothing is written in place: see below.
		cp -al "$base" "$tree"
	fi
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
		[ "$file" != drivers/xen/evtchn/Makefile ] || continue
		cmp -s "$repo/$file" "$tree/$file" && continue
		mkdir -p "$tree/$(dirname "$file")"
		rm -f "$tree/$file"
		cp "$repo/$file" "$tree/$file"
	done < "$tree/.touched.new"
	mv "$tree/.touched.new" "$tree/.touched"
	guest_edits "$base" "$tree"
	say "git am: $(git -C "$repo" rev-list --count base..HEAD) patches on $name"
	echo "$tree"
}
