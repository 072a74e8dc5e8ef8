# shellcheck shell=bash
# The stock driver's defects: for each the test that shows it, run on both
# drivers. A row holds when stock failed by the defect's own test, crashed or
# hung in it, or drew the kernel's words, and ours passed the same test.

# Id, guest that both run in, the program and the beginning of its tests' names.
DEFECTS="
D1   -                        evtchn_defects_test:d1_
D2   -                        evtchn_defects_test:d2_
D3   -                        evtchn_defects_test:d3_
D6   -                        evtchn_defects_test:d6_
D7   -                        evtchn_defects_test:d7_
D8   --delay                  evtchn_wakeup_test
D9   -                        evtchn_defects_test:d9_
D10  -                        evtchn_defects_test:d10_
D11  -                        evtchn_defects_test:d11_
D12  -                        evtchn_defects_test:d12_
D14  -                        evtchn_test_32
D15  -                        evtchn_defects_test:d15_
D16  -                        evtchn_defects_test:d16_
D17  -                        evtchn_defects_test:d17_
D18  -                        evtchn_defects_test:d18_
"

# defect_runs: the rows; for --all also those whose kernel takes long to build.
defect_runs() {
	grep . <<< "$DEFECTS"
}

# run_of DRIVER GUEST PROGRAM: a complete run's log, made once and kept.
run_of() {
	local driver=$1 guest=$2 program=$3 log options=()
	log=$LOGS/defect-$driver-${guest//[^a-z]/}-${program//[^a-z0-9_]/-}.log
	# All programs have run already, if the guests of this test were wanted.
	if [ "$driver$guest" = ours- ] && [ "$LOGS/guest-pv-2.log" -nt "$STARTED" ]; then
		log=$LOGS/guest-pv-2.log
	fi
	if [ ! -e "$log" ]; then
		[ "$guest" = - ] || read -ra options <<< "$guest"
		[ "$driver" = ours ] || options+=(--stock)
		[ "$program" = restore ] && options+=(--restore) || options+=(--only "$program")
		guest_run "${options[@]}" > "$log.new" 2>&1 || true
		mv "$log.new" "$log"
	fi
	echo "$log"
}

# results LOG PREFIX: the lines of tests whose names begin so.
results() {
	grep -E "^# (not )?ok [0-9]+ ([a-z_0-9]*\.)*$2" "$1" || true
}

# stock_outcome LOG PREFIX: how it failed, in its own words; nothing if it did
# not fail, or failed for another reason than the test.
stock_outcome() {
	local log=$1 words
	grep -q '^FAIL: ' "$log" || return 0
	words=$(sed -n '/last words/,$p' "$log" |
		grep -m1 -oE '(kernel BUG at|BUG: |WARNING: |Oops: |KASAN: ).*' || true)
	if grep -qE '^FAIL: .*: the guest (crashed|hung)' "$log"; then
		echo "$(grep -m1 -oE 'the guest (crashed|hung)' "$log")${words:+: $words}"
	elif results "$log" "$2" | grep -q '^# not ok'; then
		words=$(grep -m1 -oE '^# # [a-z_]*\.c:[0-9]+:.*' "$log" || true)
		echo "fails: ${words#\# \# }"
	elif [ -n "$words" ]; then
		echo "the kernel complains: $words"
	fi
}

# ours_outcome LOG PREFIX: "N passed"; nothing if one did not, or there is none.
ours_outcome() {
	local passed failed
	passed=$(results "$1" "$2" | grep -cE '^# ok ' || true)
	failed=$(results "$1" "$2" | grep -cE '^# not ok|# SKIP' || true)
	# Another row's failure is not this one's; the kernel's words are all rows'.
	if [ "$passed" -gt 0 ] && [ "$failed" = 0 ] &&
	   grep -qE '^(PASS: |FAIL: .*: a test failed)' "$1"; then
		echo "$passed passed"
	fi
}

# check_defects: the table. Ours runs whole programs, stock each row alone, as
# a row may be the end of its guest.
check_defects() {
	local id guest program prefix stock ours bad=0
	rm -f "$LOGS"/defect-*
	printf '%-4s %-34s %-10s %s\n' id test ours stock
	while read -r id guest program; do
		prefix=${program#*:}
		[ "$prefix" != "$program" ] || prefix=
		ours=$(ours_outcome "$(run_of ours "$guest" "${program%%:*}")" "$prefix")
		stock=$(stock_outcome "$(run_of stock "$guest" "$program")" "$prefix")
		[ -n "$ours" ] && [ -n "$stock" ] || bad=$((bad + 1))
		printf '%-4s %-34s %-10s %.90s\n' "$id" "$program" \
			"${ours:-NOT OK}" "${stock:-did NOT fail}"
	done < <(defect_runs)
	[ $bad = 0 ] || failed "$bad rows do not hold: see $LOGS/defect-*.log"
}
