# shellcheck shell=bash
# The checks of scripts/test that are no plain guest run. Each fails by its
# exit status and says why in its output.

# What checkpatch may say, and why it is no fault here:
# MISSING_SIGN_OFF	whoever submits the series signs it, with git am -s
# FILE_PATH_CHANGES	MAINTAINERS is updated, by a patch of its own
# ENOSYS		the errno of an unknown command is user ABI
# REPEATED_WORD		a table of results, in formal/check.sh
CHECKPATCH_IGNORE=MISSING_SIGN_OFF,FILE_PATH_CHANGES,ENOSYS,REPEATED_WORD

# failed WORDS…: ends the check.
failed() {
	printf '%s\n' "$*"
	exit 1
}

check_shellcheck() {
	local scripts
	mapfile -t scripts < <(cd "$TOP" && grep -rlE '^#!.*sh$|shellcheck shell' scripts .ci)
	[ ${#scripts[@]} -ge 10 ] || failed "only ${#scripts[@]} scripts found"
	cd "$TOP" || return
	# The libraries are read together, as their users source them: what one
	# of them defines another uses.
	shellcheck -x -e SC1091,SC2119,SC2034,SC2154 "${scripts[@]}"
}

check_series_check() {
	"$TOP/scripts/make-series" --check
	"$TOP/scripts/make-series" --fresh
}

# scratch BASE NAME: the series applied on BASE; prints the repository.
scratch() {
	local repo=$CACHE/test/$2
	apply_series "$(readlink -f "$CACHE/src/$1")" "$TOP/patches" "$repo"
	echo "$repo"
}

check_series_am() {
	local repo number
	repo=$(scratch mainline am-mainline)
	number=$(git -C "$repo" rev-list --count base..HEAD)
	[ "$number" = "$(find "$TOP/patches" -maxdepth 1 -name '*.patch' | wc -l)" ] ||
		failed "$number patches were applied"
	[ ! -e "$repo/drivers/xen/evtchn.c" ] || failed "the old driver is still there"

	# Typed just so, in a tree whose driver is another: refused at the end.
	git -C "$repo" checkout -q -b other base
	echo '/* changed */' >> "$repo/drivers/xen/evtchn.c"
	git -C "$repo" commit -qam changed
	if (cd "$repo" && git am -q "$TOP"/patches/*.patch); then
		failed "a driver that differs was removed"
	fi
	git -C "$repo" am --abort
}

check_series_am_lts() {
	local repo
	repo=$(scratch lts am-lts)
	git -C "$repo" log --format=%s base..HEAD
	[ -e "$repo/drivers/xen/evtchn/core.c" ] || failed "the driver is not there"
}

# A tree and a build folder beside the guest's.
check_series_steps() {
	local base name repo tree out commit file
	base=$(readlink -f "$CACHE/src/mainline")
	name=$(basename "$base")
	repo=$(scratch mainline am-steps)
	tree=$CACHE/test/steps-tree out=$CACHE/test/steps-build
	rm -rf "$tree"
	cp -al "$base" "$tree"
	# Without what the base has no option for.
	grep -v XEN_EVTCHN_KUNIT_TEST "$TOP/scripts/guest/kernel.config" > "$out.config"
	configure "$tree" "$out" "$out.config"
	for commit in base $(git -C "$repo" rev-list --reverse base..HEAD); do
		git -C "$repo" checkout -q "$commit"
		git -C "$repo" log -1 --format='== %s'
		git -C "$repo" show --format= --name-only | while read -r file; do
			[ "$commit" != base ] || break
			rm -f "$tree/$file"
			[ ! -e "$repo/$file" ] || { mkdir -p "$tree/${file%/*}"; cp "$repo/$file" "$tree/$file"; }
		done
		kmake "$tree" "$out" -s drivers/xen/ > "$out.step" 2>&1 ||
			{ cat "$out.step"; failed "drivers/xen does not build"; }
		if [ "$commit" != base ] && grep -i warning "$out.step"; then
			failed "drivers/xen builds with warnings"
		fi
	done
	# The parts are built once the Makefile is switched over.
	[ -e "$out/drivers/xen/evtchn/core.o" ] || failed "the new driver was not built"
	rm -rf "$tree"
}

check_checkpatch() {
	local options=(--no-tree --strict --ignore "$CHECKPATCH_IGNORE")
	"$CACHE"/src/mainline/scripts/checkpatch.pl "${options[@]}" "$TOP"/patches/*.patch
	"$CACHE"/src/lts/scripts/checkpatch.pl "${options[@]}" "$TOP"/patches/backport/*.patch
}

check_sparse() {
	local tree out sparse
	tree=$(patched_tree "$(readlink -f "$CACHE/src/mainline")")
	sparse=$(fetch_sparse "$tree")
	out=$CACHE/test/sparse-build
	configure "$tree" "$out" "$TOP/scripts/guest/kernel.config"
	kmake "$tree" "$out" -s prepare
	rm -f "$out"/drivers/xen/evtchn/*.o
	kmake "$tree" "$out" W=1 C=2 CHECK="$sparse" drivers/xen/evtchn/ > "$out.log" 2>&1
	[ "$(grep -c 'CHECK .*/drivers/xen/evtchn/' "$out.log")" = 5 ] ||
		failed "sparse did not read all five files"
	! grep -E 'warning|error' "$out.log"
}

# The kernel's scripts/check-uapi.sh leaves this header out, as it does not
# compile alone (domid_t is the user's to define); so it is compared here.
check_uapi() {
	local base repo header=include/uapi/xen/evtchn.h side
	base=$(readlink -f "$CACHE/src/mainline")
	repo=$(scratch mainline am-uapi)
	for side in base HEAD; do
		git -C "$repo" show "$side:$header" > "$LOGS/uapi-$side.h"
		# What a program sees: numbers, sizes and offsets of every name.
		gcc -x c -I "$base/include/uapi" -o "$LOGS/uapi-$side" \
			-DHEADER="\"$LOGS/uapi-$side.h\"" "$TOP/scripts/lib/uapi.c" -Wall -Werror
		"$LOGS/uapi-$side" > "$LOGS/uapi-$side.txt"
	done
	[ "$(wc -l < "$LOGS/uapi-base.txt")" -ge 17 ] || failed "nothing was compared"
	diff -u "$LOGS/uapi-base.txt" "$LOGS/uapi-HEAD.txt"
}

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
