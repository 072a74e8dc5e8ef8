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
	"$TOP/scripts/run" --timeout 20 -- "$program" > "$LOGS/hang.out" 2> "$LOGS/hang.err" || status=$?
	cat "$LOGS/hang.err"
	[ $status = 125 ] || failed "exit status $status, not 125"
	grep -q 'the guest hung' "$LOGS/hang.err" || failed "not called a hang"
	grep -qx before "$LOGS/hang.out" || failed "what it printed before was lost"
}

# refused PATTERN ARGUMENT…
refused() {
	local pattern=$1 status=0 output
	shift
	output=$("$TOP/scripts/run" "$@" 2>&1) || status=$?
	printf '%s\n' "$*: $output"
	[ $status = 125 ] || failed "exit status $status, not 125"
	grep -qE "$pattern" <<< "$output" || failed "does not say $pattern"
	grep -q 'next: ' <<< "$output" || failed "does not say what to do next"
}

# A tree with the touched files alone, one of them changed where a patch is.
tree_that_differs() {
	local tree=$CACHE/test/differs base=$CACHE/src/mainline file
	rm -rf "$tree"
	for file in $(touched "$TOP"/patches/*.patch) include/linux/slab.h; do
		[ -e "$base/$file" ] || continue
		mkdir -p "$tree/$(dirname "$file")"
		cp "$base/$file" "$tree/$file"
	done
	sed -i '/config XEN_DEV_EVTCHN/a # Not as it was.' "$tree/drivers/xen/Kconfig"
	echo "$tree"
}

check_refusals() {
	refused 'Patch failed at 0006.*drivers/xen/Kconfig' --base "$(tree_that_differs)"
	refused 'no such option' --nonsense
	refused 'wants 0 or 1' --fifo 2
	refused 'wants a value' --base
	refused 'is not a Linux tree' --base "$TOP"
	refused 'there is no program' -- /nonexistent
	refused 'is not static' -- "$(command -v gcc)"
	refused 'there is no selftest' --only nonsense
	refused 'begins with nonsense; they are' --only evtchn_info_test:nonsense
	XEN_EVTCHN_CACHE=/proc/nowhere refused 'cannot create|No such file' --fetch-only
}

# Minutes of search that depend on nothing but the model, and on spin.
check_model() {
	local formal=$TOP/tools/testing/selftests/xen/formal key
	key=$(cat "$formal"/* <(spin -V) | sha256sum | cut -c1-16)
	if [ -e "$LOGS/model-$key" ]; then
		echo "the same model and spin as when this was found:"
	else
		"$formal/check.sh" > "$LOGS/model.new"
		mv "$LOGS/model.new" "$LOGS/model-$key"
	fi
	cat "$LOGS/model-$key"
}

check_kunit() {
	guest_run --kunit
}

# A ratio, not a time: it is the same on each run and nearly so elsewhere.
check_bench() {
	"$TOP/scripts/bench" --guard
}

# The page's example, from the page's own text.
check_example() {
	local tree out
	tree=$(mainline_tree)
	out=$CACHE/build/$(basename "$tree")
	awk '/^Example$/ { here = 1 }
	     here && /code-block:: c/ { code = 1; next }
	     code && /^[^ ]/ { exit }
	     code { sub(/^   /, ""); print }' "$TOP/Documentation/userspace-api/xen-evtchn.rst" > "$LOGS/example.c"
	kmake "$tree" "$out" -s headers
	gcc -static -Wall -Wextra -Werror -isystem "$out/usr/include" -o "$LOGS/example" "$LOGS/example.c"
	"$TOP/scripts/run" -- "$LOGS/example" > "$LOGS/example.out" 2> "$LOGS/example.err" ||
		{ cat "$LOGS/example.err"; failed "the example fails"; }
	[ "$(sort "$LOGS/example.out")" = "connecting end"$'\n'"offered end" ] ||
		failed "the example prints: $(cat "$LOGS/example.out")"
}
