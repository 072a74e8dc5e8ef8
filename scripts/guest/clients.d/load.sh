# shellcheck shell=dash
# How much whole programs do in a second, five times each, for scripts/bench --programs.
CLAIMS="xenstore_transactions create_and_destroy vchan vchan_round_trips events_between_domains"

# five ROW COUNT COMMAND: of so many things each time.
five() {
	row=$1 count=$2
	shift 2
	for _ in 1 2 3 4 5; do
		began=$(cut -d' ' -f1 /proc/uptime)
		"$@" > /tmp/load 2>&1 || fail "$row: $(cat /tmp/load)"
		echo "$began $(cut -d' ' -f1 /proc/uptime)" |
			awk -v row="$row" -v count="$count" '{ printf "figure: load %s %.2f\n", row, count / ($2 - $1) }'
	done
}

xenstore_transactions() {
	five xenstore_transactions 400 libraries transactions 400
}

ten_tiny() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		step 180 xl create -q -e /tmp/tiny.cfg
		step 180 xl destroy tiny
	done
}

create_and_destroy() {
	tiny_config tiny
	five create_and_destroy 10 ten_tiny
}

# Until the last byte is back. The paths differ, as a server's offer stays a while.
bytes_both_ways() {
	round=$((round + 1))
	path=/local/domain/$domid/data/bytes$round
	in_domu 180 load "libraries vchan-server 0 $path 5242880 > /dev/null 2>&1 &" || return
	timeout 180 libraries vchan-client "$domid" "$path" 5242880
}

vchan() {
	linux_domu load
	domid=$(xl domid load) round=0
	five vchan_MB 10 bytes_both_ways
}

vchan_round_trips() {
	domid=$(xl domid load)
	path=/local/domain/$domid/data/trips
	for run in 1 2 3 4 5; do
		in_domu 180 load "libraries vchan-echo 0 $path$run > /dev/null 2>&1 &"
	done
	run=0
	# shellcheck disable=SC2317 # of five()
	trips() {
		run=$((run + 1))
		timeout 180 libraries vchan-trips "$domid" "$path$run" 2000
	}
	five vchan_round_trips 2000 trips
}

# By its own figure, which has no start in it.
events_between_domains() {
	for _ in 1 2 3 4 5; do
		offered peer trips "$(xl domid load)" 2000
		in_domu 180 load "peer echo $ports &"
		over 600
		in_domu 180 load "killall peer"
		sed -n 's/.* round trips, \([0-9]*\) us each$/\1/p' /tmp/peer |
			awk '{ printf "figure: load events_between_domains %.2f\n", 1e6 / $1 }'
	done
	step 180 xl destroy load
}
