# shellcheck shell=bash
# make-series --check: what it makes, and what was committed.

# normal FILE: without what a new point release of the base may change; with DRIFTED
# without the lines of context either, which another kernel has its own of.
normal() {
	awk -v drifted="${DRIFTED:-}" '
	     /^diff --git / { edited = 1 }
	     /^(new|deleted) file mode / { edited = 0 }
	     edited && /^index / { $0 = "index" }
	     edited && /^@@ / { $0 = "@@" }
	     drifted && (/^# Made on / || (edited && /^ /)) { next }
	     { print }' "$1"
}

# differing DIR: the patches that are not the same there as in patches/.
differing() {
	local file
	{ (cd "$1" && find . -type f); (cd "$OUT" && find . -type f); } 2> /dev/null | sort -u |
		while read -r file; do
			{ [ -e "$1/$file" ] && [ -e "$OUT/$file" ] &&
				cmp -s <(normal "$1/$file") <(normal "$OUT/$file"); } || echo "${file#./}"
		done
}

# fits_all_the_same: on a kernel that patches/ were not made on, whether nothing but
# the context differs, and git am makes of it what the edits make.
fits_all_the_same() {
	local made
	made=$(made_on "$OUT")
	[ "$made" != "$(kernel_version "$BASE")" ] &&
		[ -z "$(DRIFTED=1 differing "$WORK/out")" ] &&
		git -C "$WORK/repo" checkout -q -b applied base &&
		git -C "$WORK/repo" am -q "$OUT"/[0-9]*.patch > /dev/null 2>&1 &&
		git -C "$WORK/repo" diff --quiet applied series &&
		say "patches/ were made on Linux $made and fit $(kernel_version "$BASE"); scripts/make-series makes them on that"
}
