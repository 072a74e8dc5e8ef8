# shellcheck shell=bash
# Mutants: the driver with one fault in one line, some hundreds of them, made by rule.
# Each has to fail a KUnit test, or else one of the selftests that are run by default.
# Those that live are named with the reason in mutants.survivors. Where that is "the same",
# the line has no fault that a test could see; of the others at most 5 in 100 may live.

# One of so many is run: all of them take more than an hour.
MUTANTS_STEP=${MUTANTS_STEP:-3}

SURVIVORS=$TOP/scripts/lib/mutants.survivors

# mutants_kernel: builds kernel and selftests; sets out to where they are.
mutants_kernel() {
	guest_run --kunit
	guest_run --only evtchn_storm_test --only evtchn_features_test
	out=$CACHE/build/$(basename "$(newest_tree)")
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
		file=
		if [ "$kind" = kunit ]; then
			# Both tests have the ring, and that of the ring says the license.
			if [ "$number" = 000 ] || [ -e "$dir/$number/ring.c" ]; then
				file=tests/ring_kunit.o
			else
				file=license.o
				printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' > "$dir/$kind/$number/license.c"
			fi
			printf 'obj-m := kunit-%s.o\nkunit-%s-y := tests/driver_kunit.o %s\n' "$number" "$number" "$file"
		else
			printf 'obj-m := evtchn-%s.o\nevtchn-%s-y := core.o ioctl.o bind.o eventfd.o ring.o\n' \
				"$number" "$number"
		fi > "$dir/$kind/$number/Makefile"
	done
	printf 'obj-m := %s\n' "$(printf '%s/ ' "$@")" > "$dir/$kind/Makefile"
}

# build_mutants DIR KIND NUMBER…: modules in DIR/KIND.ko, of those that compile and are
# not the very code that the driver is.
build_mutants() {
	local dir=$1 kind=$2 object=tests/driver_kunit.o number sum plain='' arguments
	arguments=(-C "$out" M="$dir/$kind" -j"$JOBS" CC="ccache gcc" KBUILD_MODPOST_WARN=1 modules)
	lay_out "$@"
	shift 2
	# What does not compile is no mutant: the others, then, without those.
	if ! make -k "${arguments[@]}" > "$dir/$kind.log" 2>&1; then
		for number in "$@"; do
			[ ! -e "$dir/$kind/$number/$kind-$number.o" ] || echo "obj-m += $number/"
		done > "$dir/$kind/Makefile"
		make "${arguments[@]}" >> "$dir/$kind.log" 2>&1 ||
			{ tail "$dir/$kind.log"; failed "the mutants do not build"; }
	fi
	rm -rf "$dir/$kind.ko"
	mkdir "$dir/$kind.ko"
	for number in "$@"; do
		[ "$kind" = kunit ] || object=$kind-$number.o
		if [ ! -e "$dir/$kind/$number/$kind-$number.ko" ]; then
			echo "$number" >> "$dir/no-mutants"
			continue
		fi
		sum=$(objdump -dr --no-show-raw-insn "$dir/$kind/$number/$object" |
			sed "1,3d; s/${kind}[-_]$number//g" | sha256sum)
		: "${plain:=$sum}"
		if [ "$number" != 000 ] && [ "$sum" = "$plain" ]; then
			echo "$number" >> "$dir/no-mutants"
			continue
		fi
		objcopy -g "$dir/$kind/$number/$kind-$number.ko" "$dir/$kind.ko/$number.ko"
	done
}

# share DIR KIND SHARE: runs the mutants of the file DIR/KIND.SHARE in guests, a new one
# behind each that is the end of its guest; for each a line "NNN caught WHAT" or
# "NNN lives" in DIR/KIND.SHARE.out.
share() {
	local dir=$1 kind=$2 at=$1/$2.$3 left last
	: > "$at.out"
	: > "$at.again"
	while :; do
		left=$(grep -vxFf <(cut -d' ' -f1 "$at.out"; echo none) "$at" | tr '\n' ' ' || true)
		[ -n "$left" ] || break
		# shellcheck disable=SC2086 # one word for each
		"$TOP/scripts/run" --timeout 3000 --with "$dir/$kind.tar" \
			-- "$TOP/scripts/guest/mutants" "$kind" $left \
			> "$at.guest" 2> "$at.err" < /dev/null || true
		tr -d '\r' < "$at.guest" | grep -E '^[0-9]+ (caught|lives)' >> "$at.out" || true
		last=$(sed -n 's/^\([0-9]*\) begins.*/\1/p' "$at.guest" | tail -1)
		[ -n "$last" ] || { cat "$at.err"; failed "the guest ended before it ran a mutant"; }
		! grep -q "^$last " "$at.out" || continue
		# Whether it was the mutant, and not QEMU, a second time tells.
		if grep -qx "$last" "$at.again"; then
			echo "$last caught $(grep -oE 'the guest (crashed|hung|fell silent)' "$at.err" || echo 'the guest ended')" >> "$at.out"
		fi
		echo "$last" >> "$at.again"
	done
}

# outcomes DIR KIND: of all mutants in DIR/KIND.ko, in three guests at a time, as most
# of those that hang use no CPU, to DIR/KIND.out.
outcomes() {
	local dir=$1 kind=$2 i bad='' others=()
	tar -C "$dir/$kind.ko" -cf "$dir/$kind.tar" .
	if [ "$kind" = kunit ]; then
		[ ! -e "$out/lib/kunit/kunit.ko" ] || tar -C "$out/lib/kunit" -rf "$dir/$kind.tar" kunit.ko
	else
		tar -C "$out.kselftest/xen" -rf "$dir/$kind.tar" evtchn_test evtchn_features_test evtchn_storm_test
	fi
	find "$dir/$kind.ko" -type f -name '*.ko' -printf '%f\n' | sed 's/\.ko$//' | sort |
		awk -v at="$dir/$kind." '{ print > (at (NR % 3)) }'
	for i in 0 1 2; do
		: >> "$dir/$kind.$i"
		share "$dir" "$kind" $i & others+=($!)
	done
	# All of them, as none may run on beside what comes next.
	for i in "${others[@]}"; do wait "$i" || bad=1; done
	[ -z "$bad" ] || failed "a guest's mutants did not come to their end"
	sort "$dir/$kind".[012].out > "$dir/$kind.out"
}

# named DIR NUMBER…: as the list has them, without the number.
named() {
	local dir=$1
	shift
	printf '%s\n' "$@" | awk -F'\t' 'NR == FNR { want[$1]; next } $1 in want' - "$dir/list" | cut -f2-
}

check_mutants() {
	local dir=$LOGS/mutants out all caught guest lives total same unknown gone
	rm -rf "$dir"
	mkdir -p "$dir"
	mutants_kernel
	# shellcheck disable=SC2086 # names of files
	"$TOP/scripts/lib/mutants.py" "$TOP/drivers/xen/evtchn" "$dir" "$MUTANTS_STEP" ${MUTANTS_FILES:-}
	: > "$dir/no-mutants"
	all=$(cut -f1 "$dir/list")
	# shellcheck disable=SC2086 # one word for each
	build_mutants "$dir" kunit 000 $all
	outcomes "$dir" kunit
	grep -qx '000 lives' "$dir/kunit.out" || failed "the unchanged driver fails its KUnit tests"
	lives=$(sed -n 's/ lives$//p' "$dir/kunit.out")
	# shellcheck disable=SC2086 # one word for each
	build_mutants "$dir" evtchn $lives
	outcomes "$dir" evtchn
	grep -qx '000 lives' "$dir/evtchn.out" || failed "the unchanged driver fails its selftests"
	caught=$(grep -c caught "$dir/kunit.out") guest=$(grep -c caught "$dir/evtchn.out" || true)
	lives=$(sed -n 's/ lives$//p' "$dir/evtchn.out" | grep -vx 000 || true)
	total=$(($(wc -w <<< "$all") - $(wc -l < "$dir/no-mutants")))
	# shellcheck disable=SC2086 # one word for each
	named "$dir" $lives > "$dir/lives"
	same=$(awk -F'\t' '$5 ~ /^the same: /' "$SURVIVORS" | cut -f1-4 | grep -cxFf - "$dir/lives" || true)
	echo "$total mutants ($(wc -l < "$dir/no-mutants") more do not compile, or are the same code): $caught caught by KUnit, $guest by the selftests, $(wc -w <<< "$lives") live, of which $same are the same"
	unknown=$(grep -vxFf <(grep -v '^#' "$SURVIVORS" | cut -f1-4) "$dir/lives" || true)
	# Of those that were made.
	gone=$(grep -v '^#' "$SURVIVORS" | cut -f1-4 | grep -xFf <(cut -f2- "$dir/list") |
		grep -vxFf "$dir/lives" || true)
	[ -z "$gone" ] || failed "is found by a test now: remove it from ${SURVIVORS#"$TOP"/}: $gone"
	[ -z "$unknown" ] || failed "is found by no test: write a test, or a reason in ${SURVIVORS#"$TOP"/}: $unknown"
	[ $((($(wc -w <<< "$lives") - same) * 20)) -le $((total - same)) ] || failed "more than 5 % are found by no test"
	[ -n "${MUTANTS_FILES:-}" ] || [ "$total" -ge 80 ] || failed "too few mutants"
}
