# shellcheck shell=dash
CLAIMS="a_domU_prints_20000_lines xl_console_types_and_is_answered"

# Each line comes once, in its place.
a_domU_prints_20000_lines() {
	linux_domu printer
	in_domu 180 printer "seq 20000" > /tmp/lines
	seq 20000 | cmp - /tmp/lines
}

# It wants a terminal, and Ctrl-] is its end.
xl_console_types_and_is_answered() {
	answer=/tmp/typed
	(
		echo "100 echo sum \$((6 * 7))"
		until_true 120 "the answer" grep -q 'sum 42' $answer
		printf '\035'
	) | timeout 180 terminal xl console printer > /tmp/typed 2>&1
	cat /tmp/typed
	tr -d '\r' < /tmp/typed | grep -qx 'sum 42' || fail "no answer"
	step 180 xl destroy printer
}
