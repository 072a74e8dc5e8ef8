# shellcheck shell=bash
# Mainline's driver against ours by random sequences of operations: the lines that
# scripts/guest/sequences.c prints are the same but for the differences that it names.

SEQUENCES_SEEDS=20 SEQUENCES_COUNT=2000

# run_sequences DIR DRIVER COUNT SEED…: in DIR/DRIVER the lines of all seeds, of the
# first one again in DRIVER.again, and of each difference in DRIVER.differ.
run_sequences() {
	local dir=$1 driver=$2 options=() out=$1/$2 file
	shift 2
	[ "$driver" = ours ] || options=(--stock)
	guest_run --smp 1 "${options[@]}" -- "$dir/sequences" "$@" "$2" all > "$out.run" 2>&1 ||
		{ tail -40 "$out.run"; failed "the program fails with the $driver driver"; }
	grep -aE '^[0-9a-z-]+\.[0-9]+ f[0-9] ' "$out.run" | awk -v first="$2" -v out="$out" '
		/^[a-z]/ { print > (out ".differ"); next }
		{ split($1, at, ".") }
		at[2] == 1 && at[1] == first { again++ }
		{ print > (again == 2 ? out ".again" : out) }'
	for file in "$out" "$out.again" "$out.differ"; do
		[ -s "$file" ] || failed "$file is empty: see $out.run"
	done
}

# same_lines WHAT FILE FILE: prints the first line that differs, and ten before it.
same_lines() {
	local what=$1 line file
	shift
	! cmp -s "$@" || return 0
	# At a file's end it is the last line that is told.
	line=$(cmp "$@" 2>&1 | sed -n 's/.* line \([0-9]*\)$/\1/p')
	echo "$what differ at $(sed -n "${line}s/ .*//p" "$1"), seed and number of the operation:"
	for file in "$@"; do
		echo "--- $file"
		# Long are lists of ports.
		sed -n "$((line > 10 ? line - 10 : 1)),${line}p" "$file" | sed -E 's/^(.{100}).{20,}(.{20})$/\1 ... \2/'
	done
	return 1
}

check_sequences() {
	local driver dir=$LOGS/sequences bad=0
	rm -rf "$dir"
	mkdir "$dir"
	guest_program "$(newest_tree)" sequences "$dir/sequences"
	for driver in stock ours; do
		# shellcheck disable=SC2046 # a word for each seed
		run_sequences "$dir" $driver "$SEQUENCES_COUNT" $(seq "$SEQUENCES_SEEDS")
		grep '^1\.' "$dir/$driver" > "$dir/$driver.once"
		same_lines "two runs of one seed" "$dir/$driver.once" "$dir/$driver.again" || bad=1
	done
	same_lines "the drivers" "$dir/stock" "$dir/ours" || bad=1
	echo "$(wc -l < "$dir/stock") lines of mainline's driver and $(wc -l < "$dir/ours") of ours, from $SEQUENCES_SEEDS seeds"
	# What differs on purpose: the lines of both, of mainline's, and of ours.
	for driver in stock ours; do
		sed -nE "s/^(both|$driver)\t//p" "$TOP/scripts/lib/sequences.differ" > "$dir/$driver.want"
		same_lines "the expected differences and what is seen" "$dir/$driver.want" "$dir/$driver.differ" || bad=1
	done
	[ $bad = 0 ] || failed "all lines are in $dir"
}
