# shellcheck shell=bash
# The checks of scripts/test on the series and the scripts. Each fails by its exit
# status and says why in its output.

# What checkpatch may say, and why it is no fault here:
# MISSING_SIGN_OFF	whoever submits the series signs it, with git am -s
# FILE_PATH_CHANGES	MAINTAINERS is updated, by a patch of its own
# ENOSYS		the errno of an unknown command is user ABI
# UNKNOWN_COMMIT_ID	of Fixes: there is no history here to look them up in
CHECKPATCH_IGNORE=MISSING_SIGN_OFF,FILE_PATH_CHANGES,ENOSYS,UNKNOWN_COMMIT_ID

# failed WORDS…: ends the check.
failed() {
	printf '%s\n' "$*"
	exit 1
}

check_shellcheck() {
	local scripts
	mapfile -t scripts < <(cd "$TOP" && grep -rlE '^#!.*sh$|shellcheck shell' scripts .ci)
	[ ${#scripts[@]} -ge 10 ] || failed "only ${#scripts[@]} scripts found"
	cd "$TOP" || return
	# The libraries are read together, as their users source them: what one
	# of them defines another uses.
	shellcheck -x -e SC1091,SC2119,SC2034,SC2153,SC2154 "${scripts[@]}"
}

check_series_check() {
	"$TOP/scripts/make-series" --check
	"$TOP/scripts/make-series" --fresh
}

# scratch BASE NAME: the series applied on BASE; prints the repository.
scratch() {
	local repo=$CACHE/test/$2
	apply_series "$(readlink -f "$CACHE/src/$1")" "$TOP/patches" "$repo"
	echo "$repo"
}

# base_files PACKAGE VERSION: prints a folder of what the series touches there, and
# what apply_series() looks at.
base_files() {
	local files
	mapfile -t files < <(touched "$TOP"/patches/*.patch)
	kernel_files "$1" "$2" Makefile include/linux/slab.h include/linux/module.h "${files[@]}"
}

# lands_right BASE REPO: whether git am changed the kernel's own files as the edits
# of scripts/series do on that base: a patch of few lines of context could land
# elsewhere.
lands_right() (
	BASE=$1
	. "$TOP/scripts/series/edits.sh"
	. "$TOP/scripts/series/history.sh"
	rm -rf "$LOGS/edited"
	mkdir -p "$LOGS/edited"
	cd "$LOGS/edited" || exit
	changed=$(for step in "$TOP"/scripts/series/[0-9]*; do kernels_files "$step"; done | sort -u)
	for file in $changed; do keep "$file" "$BASE"; done
	for step in "$TOP"/scripts/series/[0-9]*; do
		for file in $(field Diff "$step"); do apply_diff "$file"; done
		for file in $(field Edit "$step"); do edit "$file"; done
	done
	for file in $changed; do
		[ "$file" = drivers/xen/evtchn.c ] || cmp "$file" "$2/$file" ||
			failed "$file of $BASE was changed in the wrong place"
	done
)

# Typed just so on the newest release and on the one before.
check_series_am() {
	local package version suite base repo number=0
	while read -r package version suite; do
		number=$((number + 1))
		base=$(base_files "$package" "$version")
		repo=$CACHE/test/am-release-$number
		apply_series "$base" "$TOP/patches" "$repo"
		git -C "$repo" checkout -q -b typed base
		(cd "$repo" && git am -q "$TOP"/patches/*.patch) || failed "git am fails on $version of $suite"
		lands_right "$base" "$repo"
		[ ! -e "$repo/drivers/xen/evtchn.c" ] || failed "the old driver is still there"
		"$TOP/scripts/make-series" --check --base "$base"
		echo "$package $version of $suite"
	done < <(kernels | awk '!/~rc/ && !seen[$1]++ && ++n <= 2')
	[ $number = 2 ] || failed "$number releases are packaged"

	part_one "$repo"

	# In a tree whose driver is another: refused at the end.
	git -C "$repo" checkout -q -b other base
	echo '/* changed */' >> "$repo/drivers/xen/evtchn.c"
	git -C "$repo" commit -qam changed
	if (cd "$repo" && git am -q "$TOP"/patches/*.patch); then
		failed "a driver that differs was removed"
	fi
	git -C "$repo" am --abort
}

check_series_bases() {
	local package version suite base number=0
	while read -r package version suite; do
		if too_old "$version"; then
			echo "$package $version of $suite: older than $OLDEST_BASE, for which the series is not made"
			continue
		fi
		number=$((number + 1))
		base=$(base_files "$package" "$version")
		apply_series "$base" "$TOP/patches" "$CACHE/test/am-base"
		lands_right "$base" "$CACHE/test/am-base"
		echo "$package $version of $suite: $(git -C "$CACHE/test/am-base" rev-list --count base..HEAD) patches"
	done < <(kernels)
	[ $number -ge 2 ] || failed "$number kernels are packaged"
	cat "$APT/left-out"
}

check_series_am_lts() {
	local repo patches end
	repo=$(scratch 6.12 am-6.12)
	git -C "$repo" log --format=%s base..HEAD
	[ -e "$repo/drivers/xen/evtchn/core.c" ] || failed "the driver is not there"

	# As README has it.
	patches=$(sed -n "s,.*git -C /path/to/linux am \(\$PWD/0.*\),\1,p" "$TOP/README")
	[ -n "$patches" ] || failed "README does not have the command"
	end=$(git -C "$repo" rev-parse HEAD)
	git -C "$repo" checkout -q -b readme base
	(cd "$TOP/patches" && eval "git -C '$repo' am -q $patches") || failed "README's command"
	git -C "$repo" diff --quiet readme "$end" -- drivers/xen/evtchn || failed "README's command gives another driver"
}

check_checkpatch() {
	local options=(--no-tree --strict --terse --quiet --ignore "$CHECKPATCH_IGNORE")
	local dir=$LOGS/checkpatch patch
	rm -rf "$dir" && mkdir "$dir"
	# The kselftest harness has a macro that is a type, which checkpatch does not know.
	for patch in "$TOP"/patches/*.patch; do
		sed 's/FIXTURE_DATA(\([a-z]*\)) \*/struct \1 */' "$patch" > "$dir/${patch##*/}"
	done
	"$CACHE"/src/newest/scripts/checkpatch.pl "${options[@]}" "$dir"/*.patch "$TOP"/patches/stable/*.patch
	"$CACHE"/src/6.12/scripts/checkpatch.pl "${options[@]}" "$TOP"/patches/{backport,stable}/*.patch
}
