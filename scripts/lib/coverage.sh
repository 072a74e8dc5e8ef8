# shellcheck shell=bash
# Which lines of the driver all guest tests together run: scripts/test --coverage.

# The guests that count, by their options beside --kernel coverage. Failures come from
# KUnit, whose tests include the driver's sources.
COVERAGE_GUESTS='
-
--restore
--kunit
'

# Lines that no test reaches: a pattern of the source line, and why.
COVERAGE_EXCUSES=$TOP/scripts/lib/coverage.excuses

# tracefile RUN OUT INFO: the counts of one guest, as lcov keeps them.
tracefile() {
	local run=$1 out=$2 info=$3 dir
	[ -s "$run/gcov.tar" ] || failed "no counts came from the guest of $run"
	dir=$(mktemp -d "$LOGS/gcov.XXXXXX")
	cp "$out"/drivers/xen/evtchn/*.gcno "$out"/drivers/xen/evtchn/tests/*.gcno "$dir/"
	tar -C "$dir" -xf "$run/gcov.tar"
	lcov -q --capture --directory "$dir" --output-file "$info.all" 2> "$info.log" ||
		{ cat "$info.log"; failed "lcov cannot read the counts of $run"; }
	lcov -q --extract "$info.all" '*/drivers/xen/evtchn/*.c' --output-file "$info"
	# Of the tests themselves only what a failure prints is never run.
	lcov -q --remove "$info" '*/tests/*' --output-file "$info"
	rm -rf "$dir" "$info.all"
}

# uncovered INFO: each line that was never run, as FILE:NUMBER: TEXT.
uncovered() {
	local file line
	awk -F'[:,]' '/^SF:/ { file = $2 } /^DA:/ && $3 == 0 { print file, $2 }' "$1" |
		while read -r file line; do
			printf '%s:%d: %s\n' "${file##*/}" "$line" \
				"$(sed -n "${line}s/^[[:space:]]*//p" "$file")"
		done
}

check_coverage() {
	local options words out run number=0 infos=() hit all line excuse unexcused=0
	out=$CACHE/build/$(basename "$(readlink -f "$CACHE/src/newest")")-coverage
	while read -r options; do
		[ -n "$options" ] || continue
		words=()
		[ "$options" = - ] || read -ra words <<< "$options"
		number=$((number + 1))
		echo "== --kernel coverage ${words[*]}"
		"$TOP/scripts/run" --kernel coverage "${words[@]}" > "$LOGS/coverage-$number.log" 2>&1 < /dev/null ||
			{ tail -5 "$LOGS/coverage-$number.log"; failed "a test failed"; }
		grep '^PASS' "$LOGS/coverage-$number.log"
		run=$(sed -n 's/.*; log in \(.*\)/\1/p' "$LOGS/coverage-$number.log")
		tracefile "$run" "$out" "$LOGS/coverage-$number.info"
		infos+=(-a "$LOGS/coverage-$number.info")
	done <<< "$COVERAGE_GUESTS"
	lcov -q "${infos[@]}" --output-file "$LOGS/coverage.info"
	genhtml -q --output-directory "$LOGS/coverage" "$LOGS/coverage.info"
	lcov --list "$LOGS/coverage.info"

	echo "Lines that no test runs, and why:"
	while read -r line; do
		excuse=$(while IFS=$'\t' read -r pattern why; do
			[[ -z $pattern || $pattern = \#* || $line != *"$pattern"* ]] || echo "$why"
		done < "$COVERAGE_EXCUSES" | head -1)
		[ -n "$excuse" ] || unexcused=$((unexcused + 1))
		printf '  %s\n      %s\n' "$line" "${excuse:-NO REASON GIVEN}"
	done < <(uncovered "$LOGS/coverage.info")

	hit=$(awk -F: '/^LH:/ { n += $2 } END { print n }' "$LOGS/coverage.info")
	all=$(awk -F: '/^LF:/ { n += $2 } END { print n }' "$LOGS/coverage.info")
	printf '%d of %d lines, %d.%02d %%; report: %s\n' "$hit" "$all" \
		$((hit * 100 / all)) $((hit * 10000 / all % 100)) "$LOGS/coverage/index.html"
	[ $((hit * 100)) -ge $((all * 99)) ] || failed "less than 99 % of the lines"
	[ $unexcused = 0 ] || failed "$unexcused lines have no reason in ${COVERAGE_EXCUSES#"$TOP/"}"
}
