# shellcheck shell=bash
# Mutants: the driver with one fault in one line, some hundreds of them, made by rule.
# Each has to fail a KUnit test, or else one of the selftests that are run by default;
# all of it in a kernel with lockdep. Those that live are named with the reason in
# mutants.survivors, and are at most 5 in 100.

SURVIVORS=$TOP/scripts/lib/mutants.survivors

# mutants_kernel: sets tree and out to a kernel with the series and lockdep.
mutants_kernel() {
	guest_run --kernel lockdep --kunit
	tree=$(newest_tree)
	out=$CACHE/build/$(basename "$tree")-lockdep
}

# lay_out DIR KIND NUMBER…: DIR/KIND, an outside module for each of these mutants: its
# KUnit tests, or the driver. The number 000 is the driver as it is.
lay_out() {
	local dir=$1 kind=$2 number file
	shift 2
	rm -rf "${dir:?}/$kind"
	for number in "$@"; do
		mkdir -p "$dir/$kind/$number"
		cp -rs "$TOP"/drivers/xen/evtchn/* "$dir/$kind/$number/"
		rm -f "$dir/$kind/$number/Makefile" "$dir/$kind/$number/tests/Makefile"
		for file in "$dir/$number"/*.c; do
			[ ! -e "$file" ] || ln -sf "$file" "$dir/$kind/$number/"
		done
		if [ "$kind" = kunit ]; then
			printf 'obj-m := kunit-%s.o\nkunit-%s-y := %s\n' "$number" "$number" \
				"$(cd "$TOP/drivers/xen/evtchn" && echo tests/*_kunit.c | sed 's/\.c\b/.o/g')"
		else
			printf 'obj-m := evtchn-%s.o\nevtchn-%s-y := core.o ioctl.o bind.o ring.o\n' \
				"$number" "$number"
		fi > "$dir/$kind/$number/Makefile"
	done
	printf 'obj-m := %s\n' "$(printf '%s/ ' "$@")" > "$dir/$kind/Makefile"
}

# build_mutants DIR KIND NUMBER…: modules in DIR/KIND.ko, of those that compile and are
# not the very code that the driver is.
build_mutants() {
	local dir=$1 kind=$2 ko number sum plain
	lay_out "$@"
	shift 2
	# What does not compile is no mutant: -k goes on with the others.
	make -k -C "$out" M="$dir/$kind" -j"$JOBS" CC="ccache gcc" KBUILD_MODPOST_WARN=1 \
		modules > "$dir/$kind.log" 2>&1 || true
	rm -rf "$dir/$kind.ko"
	mkdir "$dir/$kind.ko"
	for number in "$@"; do
		ko=$dir/$kind/$number/$kind-$number.ko
		if [ ! -e "$ko" ]; then
			# modpost makes none when one of them failed: one by one, then.
			make -C "$out" M="$dir/$kind/$number" CC="ccache gcc" modules \
				>> "$dir/$kind.log" 2>&1 || { echo "$number" >> "$dir/no-mutants"; continue; }
		fi
		# Names apart, which hold the number.
		sum=$(objdump -dr --no-show-raw-insn "${ko%.ko}.o" | sed "1,3d; s/$kind[-_]$number//g" | sha256sum)
		[ "$number" != 000 ] || plain=$sum
		if [ "$number" != 000 ] && [ "$sum" = "$plain" ] ; then
			echo "$number" >> "$dir/no-mutants"
			continue
		fi
		objcopy -g "$ko" "$dir/$kind.ko/$number.ko"
	done
}

# outcomes DIR KIND: runs them all in guests, a new one behind each that is the end of
# its guest; a line "NNN caught WHAT" or "NNN lives" for each in DIR/KIND.out.
outcomes() {
	local dir=$1 kind=$2 left last
	: > "$dir/$kind.out"
	rm -f "$dir/$kind.tar"
	tar -C "$dir/$kind.ko" -cf "$dir/$kind.tar" .
	[ "$kind" = kunit ] || tar -C "$out.kselftest/xen" -rf "$dir/$kind.tar" evtchn_test evtchn_storm_test
	[ ! -e "$out/lib/kunit/kunit.ko" ] || tar -C "$out/lib/kunit" -rf "$dir/$kind.tar" kunit.ko
	while :; do
		left=$(cd "$dir/$kind.ko" && ls | sed 's/\.ko$//' |
			grep -vxFf <(cut -d' ' -f1 "$dir/$kind.out"; echo none) | tr '\n' ' ')
		[ -n "$left" ] || break
		# shellcheck disable=SC2086 # one word for each
		"$TOP/scripts/run" --kernel lockdep --timeout 7000 --with "$dir/$kind.tar" \
			-- "$TOP/scripts/guest/mutants" "$kind" $left \
			> "$dir/$kind.guest" 2> "$dir/$kind.err" < /dev/null || true
		tr -d '\r' < "$dir/$kind.guest" | grep -E '^[0-9]+ (caught|lives)' >> "$dir/$kind.out" || true
		last=$(sed -n 's/^\([0-9]*\) begins.*/\1/p' "$dir/$kind.guest" | tail -1)
		[ -n "$last" ] || { cat "$dir/$kind.err"; failed "the guest did not come to a mutant"; }
		grep -q "^$last " "$dir/$kind.out" ||
			echo "$last caught $(grep -oE 'the guest (crashed|hung|fell silent)' "$dir/$kind.err" || echo 'hung')" >> "$dir/$kind.out"
	done
}

# named DIR NUMBER…: as the list has them, without the number.
named() {
	local dir=$1
	shift
	printf '%s\n' "$@" | awk -F'\t' 'NR == FNR { want[$1]; next } $1 in want' - "$dir/list" | cut -f2-
}

check_mutants() {
	local dir=$LOGS/mutants tree out all caught guest lives total unknown gone
	rm -rf "$dir"
	mkdir -p "$dir"
	mutants_kernel
	"$TOP/scripts/lib/mutants.py" "$TOP/drivers/xen/evtchn" "$dir"
	: > "$dir/no-mutants"
	all=$(cut -f1 "$dir/list")
	# shellcheck disable=SC2086 # one word for each, here and below
	build_mutants "$dir" kunit 000 $all
	outcomes "$dir" kunit
	grep -qx '000 lives' "$dir/kunit.out" || failed "the driver as it is fails its KUnit tests"
	lives=$(sed -n 's/ lives$//p' "$dir/kunit.out")
	build_mutants "$dir" evtchn $lives
	outcomes "$dir" evtchn
	grep -qx '000 lives' "$dir/evtchn.out" || failed "the driver as it is fails its selftests"
	caught=$(grep -c caught "$dir/kunit.out") guest=$(grep -c caught "$dir/evtchn.out" || true)
	lives=$(sed -n 's/ lives$//p' "$dir/evtchn.out" | grep -vx 000 || true)
	total=$(($(wc -w <<< "$all") - $(wc -l < "$dir/no-mutants")))
	named "$dir" $lives > "$dir/lives"
	echo "$total mutants ($(wc -l < "$dir/no-mutants") more do not compile, or are the same code): $caught caught by KUnit, $guest by the selftests, $(wc -w <<< "$lives") live"
	unknown=$(grep -vxFf <(grep -v '^#' "$SURVIVORS" | cut -f1-4) "$dir/lives" || true)
	gone=$(grep -v '^#' "$SURVIVORS" | cut -f1-4 | grep -vxFf "$dir/lives" || true)
	[ -z "$gone" ] || failed "does not live any more: take it out of ${SURVIVORS#"$TOP"/}: $gone"
	[ -z "$unknown" ] || failed "lives: write a test, or the reason into ${SURVIVORS#"$TOP"/}: $unknown"
	[ $(($(wc -w <<< "$lives") * 20)) -le "$total" ] || failed "more than 5 in 100 live"
	[ "$total" -ge 80 ] || failed "too few mutants"
}
