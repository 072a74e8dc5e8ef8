# shellcheck shell=bash
# The series as a git history, made anew each time in the current folder.
#
# A step is a file scripts/series/NN-NAME: header lines, an empty line, and the
# commit message. The header lines are
#   Files: PATH...    files of the tree that the step adds; PATH/ for all below
#   Diff: NAME        scripts/series/NAME, a diff of the kernel's files
#   Grow: NAME        scripts/series/NAME, a diff of files that earlier steps added; the
#                     tree has it already, and it is taken off for the steps before
#   Edit: PATH[:PART] the kernel's files that it changes, as edits.sh says
#   Remove: PATH      the kernel's file that it removes
#   Part: 2           it is sent when the others have been taken, with its own letter
#   Context: N        lines of context, if 3 are not the same in all kernels; 1
#                     is the least with which git knows a place again

# field NAME STEP: the words of a step's header lines of that name.
field() {
	sed -n "/^\$/q; s/^$1: *//p" "$2" | tr -s ' ' '\n'
}

# files_of STEP: the tree's files that it adds; a path/ takes all below it.
files_of() {
	local path file found
	while read -r path; do
		found=''
		for file in "${TREE[@]}"; do
			case $path in
			*/) [[ $file == "$path"* ]] || continue ;;
			*) [ "$file" = "$path" ] || continue ;;
			esac
			found=1
			echo "$file"
		done
		[ -n "$found" ] || die "$path, of scripts/series/${1##*/}, is not in the tree" \
			-- "add it, or correct the Files: line"
	done < <(field Files "$1")
}

# kernels_files STEP: those that it changes or removes, of the kernel's own.
kernels_files() {
	local diff
	field '\(Edit\|Remove\)' "$1" | sed 's/:.*//'
	while read -r diff; do touched "$TOP/scripts/series/$diff"; done < <(field Diff "$1")
}

check_steps() {
	local step all
	all=$(for step in "${STEPS[@]}"; do files_of "$step"; done)
	diff <(sort <<< "$all") <(printf '%s\n' "${TREE[@]}") > "$WORK/untaken" ||
		die "not in exactly one patch: $(sed -n 's/^[<>] //p' "$WORK/untaken" | sort -u | xargs)" \
		    -- "put it on a Files: line in scripts/series"
}

# keep FILE FROM: a file of the tree FROM, in the current folder.
keep() {
	mkdir -p "$(dirname "$1")"
	cp "$2/$1" "$1"
}

# commit NUMBER MESSAGE-FILE: all that changed in the current folder.
commit() {
	local date="$((EPOCH + $1 * 60)) +0000"
	git add -A -f .
	GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date git commit -q --cleanup=verbatim -F "$2"
}

# apply_diff NAME: the numbers of lines need not be right, nor those of its
# headers, so that it can be changed by hand. One line of context is enough, as
# what the edit makes of each base is compared with what the patch makes of it.
apply_diff() {
	git apply --recount -C1 "$TOP/scripts/series/$1" ||
		die "$1 does not apply to $BASE (above)" -- "adapt scripts/series/$1 to this kernel"
}

# The kernel's files that the series touches, then a commit for each step.
make_history() {
	local step path number=0
	git init -q --template= --object-format=sha1 -b series .
	git config core.abbrev 12
	git config core.attributesFile /dev/null
	git config diff.algorithm myers
	git config diff.renames false

	{ printf '%s\n' "${TREE[@]}"; for step in "${STEPS[@]}"; do kernels_files "$step"; done; } |
		while read -r path; do [ ! -e "$BASE/$path" ] || keep "$path" "$BASE"; done
	commit 0 <(echo base)
	git tag base

	ungrow "$TOP" "$WORK/tree"
	for step in "${STEPS[@]}"; do
		while read -r path; do keep "$path" "$WORK/tree"; done < <(files_of "$step")
		while read -r path; do git apply --allow-empty "$TOP/scripts/series/$path"; done < <(field Grow "$step")
		while read -r path; do apply_diff "$path"; done < <(field Diff "$step")
		while read -r path; do edit "$path"; done < <(field Edit "$step")
		while read -r path; do
			[ -e "$path" ] || die "$BASE has no $path" -- "give the --base of a kernel that has it"
			rm "$path"
		done < <(field Remove "$step")
		number=$((number + 1))
		commit $number <(sed '1,/^$/d' "$step")
	done
	make_part 1 base
	make_part 2 part-1
}

# make_part NUMBER ON: the branch part-NUMBER, as it is sent. The removal, which is the
# last of all, is in the first.
make_part() {
	local step number=0
	git checkout -q -b "part-$1" "$2"
	for step in "${STEPS[@]}"; do
		number=$((number + 1))
		[ "$(field Part "$step")" != "${1#1}" ] ||
			git cherry-pick "series~$((${#STEPS[@]} - number))" > /dev/null
	done
	git config "branch.part-$1.description" "$(cat "$TOP/scripts/series/cover-letter-$1")"
	git checkout -q series
}

# format OPTION…: the fixed form of git format-patch.
format() {
	GIT_COMMITTER_DATE="$((EPOCH)) +0000" \
		git format-patch -q --no-signature --zero-commit --no-renames "$@"
}

# removal PATCH…: git am compares the removed file's id, so the patch need not
# quote it. The line of letters is an empty file in git's binary form.
removal() {
	printf 'GIT binary patch\nliteral 0\nHcmV?d00001\n\n' >> "$1"
}

# series DIR: as it is committed.
series() {
	local dir=$1 step path options context number=0
	mkdir -p "$dir"/{backport,stable}
	for step in "${STEPS[@]}"; do
		number=$((number + 1))
		options=(-1 --no-numbered --start-number "$number" -o "$dir")
		context=$(field Context "$step")
		[ -z "$context" ] || options+=("-U$context")
		[ -z "$(field Remove "$step")" ] || options+=(-D --full-index)
		format "${options[@]}" "series~$((${#STEPS[@]} - number))"
		[ -z "$(field Remove "$step")" ] || removal "$dir"/"$(printf %04d $number)"-*
	done
	# What GNU patch can take, which a binary removal is not.
	{
		echo "# Made on Linux $(kernel_version "$BASE")."
		echo "# For quilt and packages. A kernel without kzalloc_obj() or"
		echo "# add_wait_queue_priority_exclusive(): backport/ as well."
		(cd "$dir" && grep -L '^GIT binary patch' [0-9]*.patch)
	} > "$dir/series"
	mail "$WORK/mail"
	cp "$WORK/mail/2/0000-cover-letter.patch" "$dir/cover-letter-2.txt"
	{ cat "$WORK/mail/1/0000-cover-letter.patch"; echo "Made from: $(inputs)"; } > "$dir/cover-letter.txt"

	git checkout -q -b backport
	backport
	commit $((number + 1)) "$TOP/scripts/series/backport"
	format -1 --no-numbered -o "$dir/backport"

	# A newer base may have it already.
	step=$TOP/scripts/series/stable
	if ! git grep -q IOCTL_EVTCHN_STATUS base -- include/uapi/xen/evtchn.h; then
		git checkout -q -b stable base
		while read -r path; do apply_diff "$path"; done < <(field Diff "$step")
		commit $((number + 2)) <(sed '1,/^$/d' "$step")
		format -1 --no-numbered -o "$dir/stable"
	fi
	git checkout -q series
}

# mail DIR: as it is sent, in DIR/1 and DIR/2.
mail() {
	local part
	for part in 1:base..part-1 2:part-1..part-2; do
		git checkout -q "part-${part%%:*}"
		format -n --cover-letter --cover-from-description=subject -o "$1/${part%%:*}" "${part#*:}"
	done
	git checkout -q series
}
