# shellcheck shell=bash
# Files that grow: an early step adds a file of the tree, and a later one more to it. The
# tree has all of it, and scripts/series has the diff of each step.

# diffs_of TREE: the steps' diffs, a line "STEP DIFF" for each, in order.
diffs_of() {
	local step diff
	for step in "$1"/scripts/series/[0-9]*; do
		for diff in $(field Grow "$step"); do echo "${step##*/} $diff"; done
	done
}

# ungrow TREE DIR: in DIR that tree's files as they are before they grow.
ungrow() {
	local step diff
	mkdir -p "$2"
	(cd "$1" && tar -c drivers include tools/testing Documentation) | tar -x -C "$2"
	diffs_of "$1" | tac | while read -r step diff; do
		(cd "$2" && GIT_DIR=/dev/null git apply -R --allow-empty "$1/scripts/series/$diff") ||
			die "you changed lines that $diff, of step $step, has (above)" \
			    -- "if the change belongs to $step: scripts/make-series --into $step; if to an earlier step, make it in scripts/series/$diff too, where the lines are context"
	done
}

# grow_into STEP: what the tree has and the last commit has not goes into that step's
# diff; those of later steps follow. The current folder is empty.
grow_into() {
	local step diff steps own
	steps=$(diffs_of "$TOP")
	grep -q "^$1 " <<< "$steps" ||
		die "no diff is named by scripts/series/$1" -- "a Grow: line there names it; that file may be empty"
	mkdir "$WORK/head"
	git -C "$TOP" archive HEAD | tar -x -C "$WORK/head"
	ungrow "$WORK/head" .
	# A new file is a step's own.
	(cd "$TOP" && tar -c drivers include tools/testing Documentation) | tar -x --skip-old-files
	git init -q --template= -b grow .
	git add -A
	git commit -q -m start
	while read -r step diff; do
		[ ! -e "$WORK/head/scripts/series/$diff" ] || git apply --allow-empty "$WORK/head/scripts/series/$diff"
		git add -A
		git commit -q --allow-empty -m "$step"
	done <<< "$steps"

	find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -r {} +
	(cd "$TOP" && tar -c drivers include tools/testing Documentation) | tar -x
	git add -A
	git commit -q --allow-empty -m "fixup! $1"
	GIT_SEQUENCE_EDITOR=true git rebase -q -i --autosquash --keep-empty --root > "$WORK/rebase" 2>&1 ||
		die "a later step changes the same lines: $(grep -m 1 CONFLICT "$WORK/rebase")" \
		    -- "make the change in the later step, or edit the diffs in scripts/series by hand"
	# What a step adds itself is no part of its diff.
	while read -r step diff; do
		mapfile -t own < <(field Files "$TOP/scripts/series/$step" | sed 's/^/:(exclude)/')
		git diff --no-renames --diff-algorithm=myers "$(git log --format=%h --grep "^$step\$")"{^,} \
			-- . "${own[@]}" > "$TOP/scripts/series/$diff"
	done <<< "$steps"
}
