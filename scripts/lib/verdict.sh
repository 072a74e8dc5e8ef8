# shellcheck shell=bash
# From a run's folder to one line and an exit status.

# failures OUT: the tests that failed, the first of their words, and how to run the
# first alone.
failures() {
	awk '/^# selftests: / { program = $NF }
	     /^# # +RUN / { told = 0 }
	     /^# # [a-z_]+\.c:/ && told < 6 { words[told++] = substr($0, 5) }
	     /^# not ok / {
		name = program ":" $5
		print "  not ok " name
		for (i = 0; i < told; i++) print "    " words[i]
		if (!first) first = name
	     }
	     END {
		if (clients) sub(":.*", "", first)
		print "  again, alone: the same command with --only " first
	     }' clients="${CLIENTS:-}" "$1"
}

# splats RUN: the kernel's complaints while the job ran. Of data races those of
# the driver: the rest of the kernel has its own, and they are not ours to fix. Nor
# is the circle of locks in which gntdev copies to user space, which xenstored shows;
# lockdep says no more in that dom0 then, but it goes on in the domU.
splats() {
	sed -n '/guest: job starts/,$p' "$1/console" | tr -d '\r' | awk '
		/^domU: / { print; next }
		/possible circular locking dependency/ { held = 1; report = "" }
		!held { print; next }
		{ report = report $0 "\n" }
		/<\/TASK>/ {
			if (report !~ /lock.*at: gntdev_mmap/) printf "%s", report
			held = 0
		}
		END { if (held) printf "%s", report }' |
		grep -E "$SPLAT" | awk '!/KCSAN: / || /\[xen_evtchn\]/' || true
}

# verdict RUN SETTING JOB: never returns.
verdict() {
	local run=$1 setting=$2 job=$3 status why passed failed skipped planned splat told_less=0
	[ -z "$SHELL_GUEST" ] || exit 0

	why=$(explain_outcome "$run")
	status=${OUTCOME#exit }
	if [ -n "$job" ]; then
		[ -z "$why" ] || die "$why ($setting)" -- "read $run/console"
		say "exit status $status of $job"
		exit "$status"
	fi

	[ "$status" != 125 ] || [ -n "$why" ] || {
		sed 1d "$run/err" >&2
		die "$(head -1 "$run/err")" -- "name one of those, or the beginning of some"
	}

	passed=$(grep -cE '^# ok [0-9]+ ' "$run/out" || true)
	failed=$(grep -cE '^# not ok [0-9]+ ' "$run/out" || true)
	skipped=$(grep -cE '^# (not )?ok [0-9]+ .*# SKIP' "$run/out" || true)
	# Mainline's driver reports less, and crashes in one test: these skips are expected.
	[ -z "$STOCK" ] || told_less=$(grep -cE "^# ok .*# SKIP (this driver's fdinfo|a driver without .* crashes the kernel|the kernel has no IOCTL_EVTCHN_(EVENT|NOTIFY)FD)" "$run/out" || true)
	passed=$((passed - skipped))
	planned=$(sed -n 's/^# 1\.\.\([0-9]*\).*/\1/p' "$run/out" | awk '{ n += $1 } END { print n + 0 }')
	splat=$(splats "$run")
	if [ -z "$why" ]; then
		if [ $((passed + failed + skipped)) -ne "$planned" ] || [ "$planned" = 0 ]; then
			why="$planned tests were planned, $((passed + failed + skipped)) reported"
		elif [ "$failed" -gt 0 ]; then
			why="a test failed"
		elif [ "$skipped" -gt "${told_less:-0}" ]; then
			why="a skip counts as a failure here: $(grep -m1 -oE 'SKIP.*' "$run/out")"
		elif [ "$status" != 0 ]; then
			why="a test program failed: $(grep -m1 '^not ok' "$run/out" || true)"
		elif [ -n "$splat" ]; then
			last_words "$run"
			why="the kernel complained: $(head -1 <<< "$splat")"
		fi
	fi
	[ "$failed" = 0 ] || failures "$run/out" >&2
	printf '%s: %d passed, %d failed, %d skipped (%s; %d s)%s\n' \
		"$([ -z "$why" ] && echo PASS || echo FAIL)" "$passed" "$failed" \
		"$skipped" "$setting" "$SECONDS" "${why:+: $why; log: $run}"
	[ -z "$why" ]
	exit
}

# kunit_verdict RUN SETTING TREE: what the kernel's own parser makes of the
# console; never returns.
kunit_verdict() {
	local run=$1 setting=$2 tree=$3 why splat parsed=0
	why=$(explain_outcome "$run")
	sed -n '/guest: job starts/,$p' "$run/console" | tr -d '\r' > "$run/ktap"
	"$tree/tools/testing/kunit/kunit.py" parse "$run/ktap" | tee "$run/kunit" || parsed=1
	splat=$(splats "$run")
	if [ -z "$why" ]; then
		if [ $parsed != 0 ]; then
			why="KUnit found a failure, or no tests"
		elif [ "$OUTCOME" != "exit 0" ]; then
			why="the tests could not be loaded: $(tail -1 "$run/err")"
		elif grep -qE 'skipped: [1-9]' "$run/kunit"; then
			why="a skip counts as a failure here"
		elif [ -n "$splat" ]; then
			last_words "$run"
			why="the kernel complained: $(head -1 <<< "$splat")"
		fi
	fi
	printf '%s: KUnit: %s (%s; %d s)%s\n' "$([ -z "$why" ] && echo PASS || echo FAIL)" \
		"$(sed -n 's/.*Testing complete\. *//p' "$run/kunit" | tail -1)" \
		"$setting" "$SECONDS" "${why:+: $why; log: $run}"
	[ -z "$why" ]
	exit
}
