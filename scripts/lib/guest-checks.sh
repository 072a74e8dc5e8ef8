# shellcheck shell=bash
# The checks of scripts/test that run something, most of it in a guest. Each fails
# by its exit status and says why in its output.

# static_program NAME: compiles standard input; prints the path.
static_program() {
	local path=$LOGS/$1
	gcc -static -O1 -Wall -Werror -x c -o "$path" - && echo "$path"
}

check_program() {
	local program status
	program=$(static_program echo-all <<-'EOF'
	#include <stdio.h>
	#include <unistd.h>
	int main(int argc, char **argv)
	{
		for (int i = 0; i < 256; i++)
			putchar(i);
		for (int i = 1; i < argc; i++)
			printf("<%s>\r\n", argv[i]);
		fprintf(stderr, "to stderr\n");
		return access("/dev/xen/evtchn", R_OK | W_OK) ? 1 : 42;
	}
	EOF
	)
	"$program" 'a b' "it's" '' '*' > "$LOGS/program.want" 2> /dev/null || true
	status=0
	"$TOP/scripts/run" -- "$program" 'a b' "it's" '' '*' \
		> "$LOGS/program.got" 2> "$LOGS/program.err" || status=$?
	cat "$LOGS/program.err"
	[ $status = 42 ] || failed "exit status $status, not 42"
	cmp "$LOGS/program.want" "$LOGS/program.got" || failed "the output was changed"
	grep -qx 'to stderr' "$LOGS/program.err" || failed "standard error was lost"
}

check_crash() {
	local program status=0
	program=$(static_program crash <<-'EOF'
	#include <fcntl.h>
	#include <unistd.h>
	int main(void)
	{
		int fd = open("/proc/sysrq-trigger", O_WRONLY);

		return write(fd, "c", 1) != 1;
	}
	EOF
	)
	"$TOP/scripts/run" -- "$program" > "$LOGS/crash.out" 2> "$LOGS/crash.err" || status=$?
	cat "$LOGS/crash.err"
	[ $status = 125 ] || failed "exit status $status, not 125"
	grep -q 'the guest crashed' "$LOGS/crash.err" || failed "not called a crash"
	grep -q '    .*Kernel panic' "$LOGS/crash.err" || failed "the last words are missing"
}

check_hang() {
	local program status=0
	program=$(static_program hang <<-'EOF'
	#include <stdio.h>
	#include <unistd.h>
	int main(void)
	{
		puts("before");
		fflush(stdout);
		for (;;)
			pause();
	}
	EOF
	)
	"$TOP/scripts/run" --timeout 60 -- "$program" > "$LOGS/hang.out" 2> "$LOGS/hang.err" || status=$?
	cat "$LOGS/hang.err"
	[ $status = 125 ] || failed "exit status $status, not 125"
	grep -q 'the guest hung' "$LOGS/hang.err" || failed "not called a hang"
	grep -qx before "$LOGS/hang.out" || failed "what it printed before was lost"
}

# domus OUTCOME LINE…: whether a run of --dom0less whose dom0 ended well ends so if Xen's
# console has these lines.
domus() {
	local want=$1 run=$LOGS/domus OUTCOME='exit 0'
	shift
	rm -rf "$run" && mkdir -p "$run"
	printf '%s\r\n' "$@" > "$run/console"
	gather_domus "$run"
	[ "$OUTCOME" = "$want" ] || failed "$OUTCOME, not $want, from: $*"
}

check_domus() {
	. "$TOP/scripts/lib/arm64.sh"
	domus 'exit 0' '(XEN) DOM1: @0x310 # ok 1 a.b' '(XEN) DOM1: @0x311 exit 0' '[  1.0] du(XEN) DOM2: @0x311 exit 0'
	[ "$(cat "$LOGS/domus/out")" = '# ok 1 a.b' ] || failed "a domU's result was lost"
	domus 'exit 0' '(XEN) (d2) @0x311 exit 0' '(XEN) (d1) @0x311 exit 0'
	domus 'exit 1' '(XEN) DOM1: @0x311 exit 1' '(XEN) DOM2: @0x311 exit 0'
	domus 'domain 2' '(XEN) DOM1: @0x311 exit 0' '(XEN) DOM2: @0x310 # ok 1 a.b' '(XEN) DOM2: @0x311 alive'
	domus 'domain 1' '(XEN) DOM2: @0x311 exit 0'
}

# A guest that waits is left alone; one whose machine stands still is told. Both at
# once, as neither does a thing.
check_idle() {
	local program idle stopped run status=0 began
	need_tools pkill procps
	program=$(static_program idle <<< '#include <unistd.h>
	int main(void) { sleep(150); return 42; }')
	"$TOP/scripts/run" -- "$program" > "$LOGS/idle.out" 2> "$LOGS/idle.err" & idle=$!
	"$TOP/scripts/run" -- "$program" > "$LOGS/stopped.out" 2> "$LOGS/stopped.err" & stopped=$!
	until run=$(sed -n 's/.*; log in //p' "$LOGS/stopped.err") && [ -n "$run" ] &&
		grep -q 'guest: job starts' "$run/console" 2> /dev/null; do
		kill -0 $stopped || { cat "$LOGS/stopped.err"; failed "the guest did not come up"; }
		sleep 1
	done
	pkill -STOP -f -- "$run/guest.gz" || failed "there is no QEMU to stop"
	began=$SECONDS
	wait $stopped || status=$?
	cat "$LOGS/stopped.err"
	echo "told after $((SECONDS - began)) s"
	[ $status = 125 ] || failed "exit status $status of a machine that stands still, not 125"
	grep -q 'fell silent.*the machine stands still' "$LOGS/stopped.err" || failed "it is not reported that the machine stands still"
	status=0
	wait $idle || status=$?
	cat "$LOGS/idle.err"
	[ $status = 42 ] || failed "exit status $status of a guest that sleeps 150 s, not 42"
}

# What the first two change for the stock driver is in the log: a kernel port is
# refused, and a port with two owners is no crash.
check_alone() {
	local patch
	for patch in 1 2 3 4 5 6 7 8; do
		guest_run --stock --patch "$patch" --only evtchn_test
	done
	guest_run --stock --patch 1 --only evtchn_defects_test:d1_
	! guest_run --stock --patch 2 --only evtchn_defects_test:d3_ ||
		failed "the stock driver refuses another file's port: the message of patch 2 is wrong"
}

# Ratios of instructions, not of times: the same on each run, whatever runs beside it,
# and nearly so elsewhere.
check_bench() {
	"$TOP/scripts/bench" --guard
}

# page_example HEADING: the first program below that heading of the page.
page_example() {
	awk -v heading="$1" '$0 == heading { here = 1 }
	     here && /code-block:: c/ { code = 1; next }
	     code && /^[^ ]/ { exit }
	     code { sub(/^   /, ""); print }' "$TOP/Documentation/userspace-api/xen-evtchn.rst"
}

# The page's examples, from the page's own text.
check_example() {
	local tree out name
	tree=$(newest_tree)
	out=$CACHE/test/headers
	page_example Example > "$LOGS/example.c"
	page_example Eventfds > "$LOGS/server.c"
	page_example 'Many peers' > "$LOGS/many.c"
	cp "$TOP/scripts/guest/serve.c" "$LOGS/"
	kmake "$tree" "$out" -s headers
	for name in example server many serve; do
		gcc -static -D_GNU_SOURCE -Wall -Wextra -Werror -isystem "$out/usr/include" -o "$LOGS/$name" "$LOGS/$name.c"
	done
	printf '#!/bin/sh\n./example && ./serve ./server && exec ./serve ./many 5\n' > "$LOGS/examples"
	chmod +x "$LOGS/examples"
	"$TOP/scripts/run" --with "$LOGS/example" --with "$LOGS/server" --with "$LOGS/many" --with "$LOGS/serve" -- "$LOGS/examples" \
		> "$LOGS/example.out" 2> "$LOGS/example.err" ||
		{ cat "$LOGS/example.err" "$LOGS/example.out"; failed "an example fails"; }
	[ "$(sort "$LOGS/example.out")" = "1000 events of 1 ports were answered"$'\n'"1000 events of 5 ports were answered"$'\n'"connecting end"$'\n'"offered end" ] ||
		failed "the examples print: $(cat "$LOGS/example.out")"
}
