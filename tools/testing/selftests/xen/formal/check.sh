#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Checks each model of wakeup.pml under each memory order; see --help.
set -u
usage() {
	cat <<-END
	usage: check.sh [FOLDER]

	Asks spin whether a reader or poller of /dev/xen/evtchn can sleep while an
	event is queued: in the stock driver (it can), in ours (it must not), and in
	mutations of ours (most can: as told below). Takes 3 minutes and 2 GB. All
	products go to FOLDER; without it, only the trails stay, in a temporary one.

	found: none, or what goes wrong:
	  deadlock  a reader sleeps, the ring is not empty, no event can come
	  asleep    one sleeps, the ring is not empty, no interrupt is half done
	  stale     a read returned a port number that was not queued

	exit: 0 all as expected, 1 not, 2 usage, 125 a tool is missing
	END
}

# name, flags, expected under SC, TSO, ARM64; wakeup.pml explains the flags.
# "-": not run. The model is too large, or the flag changes nothing there, or
# another line says as much.
no_mb=NO_WAKER_MB,NO_READER_MB,NO_POLLER_MB
models="
stock            STOCK                              deadlock deadlock deadlock
stock-rest       REST,STOCK                         asleep   asleep   asleep
ours             REST                               none     none     none
ours-missed      REST,MISSED                        none     none     none
two-readers      REST,READERS=2,POLLERS=0,PORTS=1   none     none     none
early-sample     EARLY                              deadlock deadlock deadlock
lockless-peek    REST,LOCKLESS_PEEK                 none     none     stale
prod-first       REST,PROD_FIRST                    asleep   asleep   asleep
no-waker-mb      NO_WAKER_MB                        none     deadlock deadlock
no-reader-mb     NO_READER_MB                       none     deadlock deadlock
no-poller-mb     REST,NO_POLLER_MB                  none     asleep   asleep
plain-unlock     REST,PLAIN_UNLOCK                  -        -        stale
plain-cons       REST,PLAIN_CONS                    -        -        none
locked-status    REST,LOCKED_STATUS,$no_mb none none none"

# "states found" of a pan log; a search that was cut short found nothing.
verdict() {
	awk '/assertion violated/     { bad = "model-error" }
	     /assertion violated 0 /  { bad = "asleep" }
	     /violated .*masked/      { bad = "stale" }
	     /invalid end state \(/   { bad = "deadlock" }
	     /not completed|too small|out of memory|MEMLIM/ { cut = 1 }
	     /states, stored/         { states = $1 }
	     /, errors: /             { errors = $NF; ended = 1 }
	     END { if (!ended || (cut && !errors) || (errors && !bad)) bad = "incomplete"
		   print states + 0, bad ? bad : "none" }' pan.log
}

# The trail without registers and jumps, with names for the locations.
trail() {
	names=$(sed -n '/^.. Locations/,/ADDRESSES/p' wakeup.pml |
		sed -nE 's/^#define (\w+)\s+([0-9])\>.*/s,mem\\[\2],\1,g/p')
	spin -t -p "$@" wakeup.pml | sed -E "$names" |
		grep -E '^ +[a-z]+( [0-9])?: |mem\[|masked|drained|\<[A-Z_]{4,}\>' |
		grep -vE '\(drain:|i_|\(:init:|printf\(|MSC:'
}

here=$(cd "$(dirname "$0")" && pwd) || exit 1
case $#:${1-} in
1:-h | 1:--help) usage; exit 0 ;;
[2-9]*:* | 1: | 1:-*) usage >&2; exit 2 ;;
esac
for tool in spin gcc; do
	command -v "$tool" >/dev/null && continue
	echo "check.sh: no $tool; next: apt-get install $tool" >&2
	exit 125
done
out=${1-$(mktemp -d)}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
printf '%-16s %-6s %9s %5s  %-9s %s\n' model order states secs expected found
failed=0
while read -r name flags expected; do
	for order in SC TSO ARM64; do
		read -r want expected <<<"$expected"
		[ "$want" != - ] || continue
		dir=$out/$name-$order how=(-DCOLLAPSE) mark=
		mkdir -p "$dir" && cp "$here"/*.pml "$dir" && cd "$dir" &&
			rm -f pan* ./*.trail || exit 1
		IFS=, read -ra set <<<"ORDER=$order,$flags"
		# Breadth first has the shortest trail, depth first needs less memory.
		[ "$want" = none ] || { how+=(-DBFS); set+=(WRAP=64); }
		set=("${set[@]/#/-D}")
		SECONDS=0
		spin -a "${set[@]}" wakeup.pml >spin.log 2>&1 &&
			gcc -O1 -w -DSAFETY -DMEMLIM=1900 "${how[@]}" -o pan pan.c >gcc.log 2>&1 &&
			./pan -m10000000 -w24 >pan.log 2>&1
		read -r states found < <(verdict 2>/dev/null || echo 0 build-error)
		[ "$found" = "$want" ] || mark=' <-- unexpected' failed=1
		printf '%-16s %-6s %9d %5d  %-9s %s\n' "$name" "$order" "$states" "$SECONDS" \
			"$want" "$found$mark"
		if [ -e wakeup.pml.trail ]; then
			trail "${set[@]}" >"$out/$name-$order.trail"
			[ "$name-$order" != stock-SC ] ||
				short=$(spin -t -T "${set[@]}" wakeup.pml |
					grep -E '^(port|reader|poller)')
		fi
		[ $# -eq 1 ] || rm -rf "$dir"
	done
done <<<"${models#?}"

[ -z "${short-}" ] || printf '\nHow stock loses it; steps: %s/stock-SC.trail\n%s\n' "$out" "$short"
[ $failed -eq 1 ] || echo "all as expected"
exit $failed
