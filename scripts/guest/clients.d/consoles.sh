# shellcheck shell=dash
CLAIMS="a_domU_prints_20000_lines xl_console_types_and_is_answered"

# Each line comes once, in its place.
a_domU_prints_20000_lines() {
	linux_domu printer
	in_domu 180 printer "seq 20000" > /tmp/lines
	seq 20000 | cmp - /tmp/lines
}

# script gives it the terminal that it asks for.
xl_console_types_and_is_answered() {
	(sleep 2; echo "echo sum \$((6 * 7))"; sleep 3; printf '\035') |
		timeout 180 script -c "xl console printer" /dev/null > /tmp/typed 2>&1
	cat /tmp/typed
	tr -d '\r' < /tmp/typed | grep -qx 'sum 42' || fail "no answer"
	step 180 xl destroy printer
}
