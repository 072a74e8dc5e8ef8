# shellcheck shell=bash
# The series on a base kernel, as git applies it.

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

# base_repo BASE REPO PATCH…: a repository that tracks just those files of BASE that
# the patches touch.
base_repo() {
	local base=$1 repo=$2 file
	shift 2
	rm -rf "$repo"
	mkdir -p "$repo"
	git -C "$repo" init -q
	touched "$@" | while read -r file; do
		[ -e "$base/$file" ] || continue
		mkdir -p "$repo/$(dirname "$file")"
		cp "$base/$file" "$repo/$file"
	done
	git -C "$repo" add -A
	git -C "$repo" commit -qm base
	git -C "$repo" tag base
}

# apply_some BASE SERIES REPO N…: `git am` of the patches with these numbers alone;
# stable is the one for stable kernels.
apply_some() {
	local base=$1 series=$2 repo=$3 number
	shift 3
	git_identity
	base_repo "$base" "$repo" "$series"/[0-9]*.patch
	for number; do
		[ "$number" = stable ] && number=stable/ || number=$(printf %04d- "$number")
		git -C "$repo" am -q "$series/$number"*.patch > "$repo.log" 2>&1 ||
			does_not_apply "$base" "$series" "$repo.log"
	done
}

# apply_series BASE SERIES REPO: `git am` of all that fits.
apply_series() {
	local base=$1 series=$2 repo=$3 patches removal stock
	patches=("$series"/[0-9]*.patch)
	removal=${patches[-1]}
	git_identity

	stock=$(git hash-object "$base/drivers/xen/evtchn.c" 2> /dev/null || echo none)
	if ! grep -q "^index $stock\.\." "$removal"; then
		say "drivers/xen/evtchn.c of this base is not the one the series was made for: removing it without the last patch"
		unset 'patches[-1]'
	fi
	if ! grep -q 'define kzalloc_obj(' "$base/include/linux/slab.h" ||
	   ! grep -q 'add_wait_queue_priority_exclusive(' "$base/include/linux/wait.h"; then
		patches+=("$series"/backport/[0-9]*.patch)
	fi

	base_repo "$base" "$repo" "${patches[@]}" "$removal"
	git -C "$repo" am -q "${patches[@]}" > "$repo.log" 2>&1 || does_not_apply "$base" "$series" "$repo.log"
	if [ -e "$repo/drivers/xen/evtchn.c" ]; then
		git -C "$repo" rm -q drivers/xen/evtchn.c
		git -C "$repo" commit -qm 'xen/evtchn: remove the single-file driver'
	fi
}

# does_not_apply BASE SERIES LOG: which patch, where, and how the series is renewed.
does_not_apply() {
	local base=$1 series=$2 log=$3 patch place which=$1 made version next
	patch=$(sed -n 's/^Patch failed at 0*\([0-9]*\) \(.*\)/\1 (\2)/p' "$log")
	place=$(sed -n 's/^error: \(patch failed: \)*\(.*\):\([0-9][0-9]*\)$/\2, line \3/p' "$log" | head -1)
	[ -n "$place" ] || place=$(sed -n 's/^error: //p' "$log" | head -1)
	[ ! "$base" -ef "$CACHE/src/newest" ] || which=newest
	made=$(made_on "$series") version=$(kernel_version "$base")
	next="see $log; has this tree other changes there?"
	! dpkg --compare-versions "$made" lt "$version" ||
		next="scripts/make-series --base $which renews patches/ for it, or says what to adapt (git's words: $log)"
	die "patch $patch does not apply: $place; the series was made on Linux $made, this is $version" -- "$next"
}

# made_on SERIES: the version of the kernel that it was made from.
made_on() {
	sed -n 's/^# Made on Linux \(.*\)\.$/\1/p' "$1/series"
}
