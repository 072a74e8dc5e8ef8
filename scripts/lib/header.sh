# shellcheck shell=bash
# The checks of scripts/test on the user header. Each fails by its exit status and
# says why in its output.

# Of every name: its number, size, offset and sign, of which check-uapi.sh sees
# structures only.
check_uapi() {
	local base repo header=include/uapi/xen/evtchn.h side
	base=$(readlink -f "$CACHE/src/newest")
	repo=$(scratch newest am-uapi)
	for side in base HEAD; do
		git -C "$repo" show "$side:$header" > "$LOGS/uapi-$side.h"
		gcc -x c -I "$base/include/uapi" -o "$LOGS/uapi-$side" \
			-DHEADER="\"$LOGS/uapi-$side.h\"" "$TOP/scripts/lib/uapi.c" -Wall -Werror
		"$LOGS/uapi-$side" > "$LOGS/uapi-$side.txt"
	done
	[ "$(wc -l < "$LOGS/uapi-base.txt")" -ge 17 ] || failed "nothing was compared"
	diff -u "$LOGS/uapi-base.txt" "$LOGS/uapi-HEAD.txt"
}

# The kernel's check-uapi.sh, in a tree with no headers to compare but Xen's. It
# leaves this one out, as it wants domid_t to be defined; so that is done for it.
check_check_uapi() {
	local base repo=$CACHE/test/check-uapi header=include/uapi/xen/evtchn.h abidiff cc=$LOGS/domid-cc
	base=$(readlink -f "$CACHE/src/newest")
	abidiff=$(fetch_abidiff)
	rm -rf "$repo" && mkdir -p "$repo/include/uapi/linux"
	(cd "$base" && cp -r --parents Makefile Kbuild Kconfig scripts usr/include tools/scripts \
		arch/x86/Makefile* arch/x86/include/uapi arch/x86/include/asm/Kbuild arch/x86/entry/syscalls \
		include/uapi/Kbuild include/uapi/asm-generic include/uapi/xen "$repo/")
	sed -i '/^no-header-test += xen\/evtchn.h$/d' "$repo/usr/include/Makefile"
	echo 'no-header-test += asm/ xen/gntalloc.h' >> "$repo/usr/include/Makefile"
	printf '#!/bin/sh\nexec gcc -include "%s" "$@"\n' "$LOGS/domid.h" > "$cc"
	echo 'typedef unsigned short domid_t;' > "$LOGS/domid.h"
	chmod +x "$cc"
	(
		cd "$repo"
		git init -q
		git add -A -f && git commit -qm base
		git -C "$(scratch newest am-uapi)" show "HEAD:$header" > "$header"
		git commit -qam series
		sed -i 's/unsigned int virq;/unsigned long virq;/' "$header"
		git commit -qam flaw
		export CC=$cc ABIDIFF=$abidiff
		scripts/check-uapi.sh -v -b HEAD~1 -p HEAD~2
		! scripts/check-uapi.sh -v -b HEAD -p HEAD~1 || failed "check-uapi.sh does not find a change that is there"
	) > "$LOGS/check-uapi.out" 2>&1 || { tail -20 "$LOGS/check-uapi.out"; failed "check-uapi.sh"; }
	grep "No ABI differences detected in include/xen/evtchn.h" "$LOGS/check-uapi.out"
	grep "^==== ABI differences detected in include/xen/evtchn.h" "$LOGS/check-uapi.out"
}

# The header as programs get it, in C and C++, each standard, nothing before it
# but what its text asks for.
check_header() {
	local tree out std
	need_tools g++ g++
	tree=$(newest_tree)
	out=$CACHE/test/headers
	kmake "$tree" "$out" -s headers
	{
		echo '#include <stdint.h>'
		echo 'typedef uint16_t domid_t;'
		echo '#include <xen/evtchn.h>'
		echo 'int main(void) { struct ioctl_evtchn_notify n = { 1 }; return (int)n.port - 1; }'
	} > "$LOGS/header.c"
	for std in c89 c99 c11 c++98 c++11 c++20; do
		gcc -x "$(case $std in c++*) echo c++ ;; *) echo c ;; esac)" -std=$std -Wall \
			-Wextra -pedantic -Werror -isystem /usr/include -I "$out/usr/include" \
			-fsyntax-only "$LOGS/header.c" || failed "<xen/evtchn.h> is not $std"
	done
}
