# shellcheck shell=bash
# The checks of scripts/test on what scripts/run says of a kernel that is not as it
# was, and of what it cannot do.

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

# A kernel of later, with the touched files alone, in which a line beside one of ours
# has changed.
tree_that_differs() {
	local tree=$CACHE/test/differs base=$CACHE/src/newest file
	rm -rf "$tree"
	for file in Makefile include/linux/slab.h include/linux/module.h $(touched "$TOP"/patches/*.patch); do
		[ -e "$base/$file" ] || continue
		mkdir -p "$tree/$(dirname "$file")"
		cp "$base/$file" "$tree/$file"
	done
	sed -i 's/^VERSION = .*/VERSION = 99/' "$tree/Makefile"
	sed -i 's/^xen-gntdev-y\t/xen-gnttab-y\t/' "$tree/drivers/xen/Makefile"
	echo "$tree"
}

# configured NAME LINE…: scripts/guest's options and these on the newest kernel, as
# scripts/run sets them; prints what it says.
configured() {
	local out=$CACHE/test/drift-$1
	shift
	rm -rf "$out"
	mkdir -p "$out"
	printf '%s\n' "$@" > "$out/more.config"
	(configure "$(newest_tree 2> /dev/null)" "$out" "$TOP/scripts/guest/kernel.config" "$out/more.config" 2>&1) || echo "status $?"
}

# What a kernel that is newer than the series shows.
check_drift() {
	local tree words
	tree=$(tree_that_differs)
	refused "patch 9 \(xen/evtchn: add the ring of a new driver, with KUnit tests\) does not apply: drivers/xen/Makefile, line [0-9]+; the series was made on Linux [^ ]*, this is 99\." --base "$tree"
	refused 'next: scripts/make-series --base ' --base "$tree"
	! "$TOP/scripts/make-series" --check --base "$tree" || failed "make-series --check takes a series that does not apply"
	"$TOP/scripts/make-series" --base "$tree" --out "$LOGS/drift-series"
	apply_series "$tree" "$LOGS/drift-series" "$CACHE/test/am-drift"
	lands_right "$tree" "$CACHE/test/am-drift"

	words=$(configured gone CONFIG_NOT_ANY_MORE=y)
	echo "$words"
	grep -q 'warning: this kernel no longer has CONFIG_NOT_ANY_MORE=y' <<< "$words" || failed "no warning"
	! grep -q '^status' <<< "$words" || failed "an option that nobody needs is missed"
	words=$(configured needed '# For: evtchn_test' CONFIG_NOT_ANY_MORE=y)
	echo "$words"
	grep -q 'does not take CONFIG_NOT_ANY_MORE=y, which evtchn_test needs' <<< "$words" || failed "does not say who needs it"
	grep -q "^status $EXIT_CANNOT" <<< "$words" || failed "goes on without what a test needs"
}

check_refusals() {
	refused 'no suite of Debian has a kernel 1.2' --base 1.2
	refused 'older than 6.12' --base 6.1
	refused 'no suite of Debian has Xen 1.2' --xen 1.2
	refused 'wants system or newest' --qemu nonsense
	refused 'no such option' --nonsense
	refused 'wants 0 or 1' --fifo 2
	refused 'wants a value' --base
	refused 'is not a Linux tree' --base "$TOP"
	refused 'there is no program' -- /nonexistent
	refused 'is not static' -- "$(command -v gcc)"
	refused 'there is no selftest' --only nonsense
	refused 'begins with nonsense; they are' --only evtchn_storm_test:nonsense
	refused 'wants x86 or arm64' --arch nonsense
	refused 'one kind of dom0' --arch arm64 --pvh
	refused 'the plain kernel alone' --arch arm64 --kernel debug
	refused 'wants --arch arm64' --dom0less
	refused 'a program of its own' --arch arm64 --dom0less --only evtchn_test
	XEN_EVTCHN_CACHE=/proc/nowhere refused 'cannot create|No such file' --fetch-only
}
