# shellcheck shell=bash
# The KUnit tests, under Xen and without it.

# kunit_outside_xen: as kernel developers run them, in a kernel that is not under Xen.
# The second time only what changed is built.
kunit_outside_xen() {
	local tree bin=$LOGS/kunit-bin
	tree=$(newest_tree)
	# kunit.py prefers KVM, and where that does not work its guest stands still.
	mkdir -p "$bin"
	rm -f "$bin"/*
	# shellcheck disable=SC2016 # the wrapper's own words
	has_kvm || install -m 755 <(printf '#!/bin/bash\nexec %q "${@/#kvm/tcg}"\n' \
		"$(type -P qemu-system-x86_64)") "$bin/qemu-system-x86_64"
	(
		cd "$tree"
		PATH=$bin:$PATH tools/testing/kunit/kunit.py run --arch=x86_64 \
			--kunitconfig=drivers/xen/evtchn/tests \
			--build_dir="$CACHE/test/kunit" --jobs="$JOBS" \
			--make_options="CC=ccache gcc" --make_options="HOSTCC=ccache gcc" \
			--make_options=LOCALVERSION= --make_options=KBUILD_BUILD_TIMESTAMP=@0
	) < /dev/null > "$LOGS/kunit.py" 2>&1 ||
		{ tail -40 "$LOGS/kunit.py"; failed "kunit.py: a test fails outside Xen"; }
	grep -oE 'Testing complete.*|Elapsed time.*' "$LOGS/kunit.py"
	! grep -qE 'skipped: [1-9]' "$LOGS/kunit.py" || failed "a skip counts as a failure here"
}

check_kunit() {
	guest_run --kunit
	kunit_outside_xen
}
