# shellcheck shell=bash
# The stock driver's defects: for each the test that shows it, run on both
# drivers. A row holds when stock failed by the defect's own test, crashed or
# hung in it, or drew the kernel's words, and ours passed the same test. In a guest
# that many rows share, only the test's own words count.

# D are the driver's; A those that the review of its successor found, as far as the
# stock kernel has them.
# Id | options of scripts/run for both drivers | program, and the beginning of its
# tests' names. "shared": the stock kernel survives its test, so that one guest can
# run all such rows.
DEFECTS="
D1||evtchn_defects_test:d1_
D2||evtchn_defects_test:d2_
D3||evtchn_defects_test:d3_
D4|--restore|evtchn_restore_test
D6|shared|evtchn_defects_test:d6_
D7|shared|evtchn_defects_test:d7_
D8|--delay|evtchn_defects_test:d8_
D9|shared|evtchn_defects_test:d9_
D10|shared|evtchn_defects_test:d10_
D11|shared|evtchn_defects_test:d11_
D12|shared|evtchn_defects_test:d12_
D14|shared|evtchn_test_32
D15|shared|evtchn_defects_test:d15_
D16|shared|evtchn_defects_test:d16_
D17|shared|evtchn_defects_test:d17_
D18|shared|evtchn_defects_test:d18_
A5|shared|evtchn_defects_test:a5_
A11||evtchn_defects_test:a11_
"
# With --all only, for their kernels take long to build.
LONG_DEFECTS="
D5|--kernel debug|evtchn_fail_test:d5_
D13|--kernel kcsan|evtchn_storm_test
"

defect_rows() {
	grep . <<< "$DEFECTS${ALL:+$LONG_DEFECTS}"
}

# run_of DRIVER GUEST PROGRAM: a complete run's log, made once and kept.
run_of() {
	local driver=$1 guest=$2 program=$3 log options=()
	[ "$driver" = stock ] || guest=${guest#shared}
	[ "$guest" != shared ] || program=all
	log=$LOGS/defect-$driver-${guest//[^a-z]/}-${program//[^a-z0-9_]/-}.log
	# All programs have run already, if that guest has ended.
	if [ "$driver$guest" = ours ] && grep -q ' guest-pv-2$' "$RESULTS"; then
		log=$LOGS/guest-pv-2.log
	fi
	if [ ! -e "$log" ]; then
		read -ra options <<< "${guest#shared}"
		# What hangs in the stock driver hangs for ever.
		[ "$driver" = ours ] || options+=(--stock --timeout 120)
		case $guest in
		--restore) ;; # has one program alone
		shared)
			mapfile -t -O ${#options[@]} options < <(defect_rows |
				awk -F'|' '$2 == "shared" { print "--only\n" $3 }')
			options+=(--only evtchn_test --timeout 600)
			;;
		--kernel*) options+=(--only "$program" --timeout 3000) ;;
		*) options+=(--only "$program") ;;
		esac
		guest_run "${options[@]}" > "$log" 2>&1 || true
		# A guest that did not come up says nothing of the driver.
		grep -aq '^TAP version' "$log" || guest_run "${options[@]}" > "$log" 2>&1 || true
	fi
	echo "$log"
}

# results LOG PROGRAM PREFIX: the lines of the program's tests whose names begin so.
results() {
	awk -v program="$2" '/^# selftests: / { on = $4 == program } on' "$1" |
		grep -aE "^# (not )?ok [0-9]+ ([a-z_0-9]*\.)*$3" || true
}

# stock_outcome LOG PROGRAM PREFIX: how it failed, in its own words; nothing if
# it did not fail, or failed for another reason than the test.
stock_outcome() {
	local log=$1 words
	grep -aq '^FAIL: ' "$log" && grep -aq '^TAP version' "$log" || return 0
	if [[ $log == */defect-stock-shared-* ]]; then
		# Of a guest that works to the end, or one row could be another's fault.
		grep -aq '^ok [0-9]* selftests: xen: evtchn_test$' "$log" || return 0
		results "$@" | grep -q '^# not ok' || return 0
		awk -v program="$2" -v name=":$3" '
			/^# selftests: / { on = $4 == program }
			on && match($0, /[a-z0-9_]*\.c:[0-9]+:/) && $0 ~ name {
				print substr($0, RSTART)
				exit
			}' "$log"
		return 0
	fi
	words=$(grep -aoE '(kernel BUG at|BUG: |WARNING: |Oops: |KASAN: ).*' "$log" |
		grep -vm1 'Call Trace' || true)
	if grep -aqE '^FAIL: .*: the guest (crashed|hung|fell silent)' "$log"; then
		grep -aqE '^# (#  RUN|ok|not ok)' "$log" || return 0
		printf '%s; ' "$(grep -am1 -oE 'the guest (crashed|hung|fell silent)' "$log")${words:+: $words}"
	elif [ -n "$words" ]; then
		printf '%s; ' "the kernel complains: $words"
	fi
	if results "$@" | grep -q '^# not ok'; then
		grep -am1 -oE '[a-z0-9_]*\.c:[0-9]+:[a-z0-9_]*:.*' "$log" || echo fails
	fi
}

# ours_outcome LOG PROGRAM PREFIX: "N passed"; nothing if one did not, or there
# is none.
ours_outcome() {
	local passed failed
	passed=$(results "$@" | grep -cE '^# ok ' || true)
	failed=$(results "$@" | grep -cE '^# not ok|# SKIP' || true)
	# Another row's failure is not this one's; the kernel's words are all rows'.
	if [ "$passed" -gt 0 ] && [ "$failed" = 0 ] &&
	   grep -aqE '^(PASS: |FAIL: .*: a test failed)' "$1"; then
		echo "$passed passed"
	fi
}

# check_defects: the table. Ours runs whole programs, stock the rows that may be the
# end of their guest each alone.
check_defects() {
	local id guest program tests stock ours bad=0
	rm -f "$LOGS"/defect-*
	printf '%-4s %-34s %-10s %s\n' id test ours stock
	while IFS='|' read -r id guest program; do
		tests=("${program%%:*}" "")
		[ "$program" = "${tests[0]}" ] || tests[1]=${program#*:}
		ours=$(ours_outcome "$(run_of ours "$guest" "${tests[0]}")" "${tests[@]}")
		stock=$(stock_outcome "$(run_of stock "$guest" "$program")" "${tests[@]}")
		[ -n "$ours" ] && [ -n "$stock" ] || bad=$((bad + 1))
		printf '%-4s %-34s %-10s %.110s\n' "$id" "$program" \
			"${ours:-NOT OK}" "${stock:-did NOT fail}"
	done < <(defect_rows)
	[ -n "$ALL" ] || echo "D5, failures in turn, and D13, data races, are for --all: their kernels take long to build"
	[ $bad = 0 ] || failed "$bad rows do not hold: see $LOGS/defect-*.log"
}
