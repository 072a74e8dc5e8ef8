# shellcheck shell=bash
# The driver as a module outside the kernel tree, and with pauses in it.

# build_outside NAME OUT FILE…: the driver from the FILEs as a module for the
# kernel in OUT, so that the same image runs any; prints its path. It is compiled
# as if the kernel had not the option OUTSIDE_UNDEF, if that is set.
build_outside() {
	local name=$1 out=$2 dir=$2.$1 file objects=()
	shift 2
	mkdir -p "$dir"
	for file in "$@"; do
		cp "$file" "$dir/${file##*/}.new"
		[ -z "${DELAY:-}" ] || delay "$dir/${file##*/}.new"
		renew "$dir/${file##*/}"
		case $file in *.c) file=${file##*/} objects+=("${file%.c}.o") ;; esac
	done
	# The trace event's header is included by one of the kernel's.
	# shellcheck disable=SC2016 # make's variable
	printf 'obj-m := xen-evtchn.o\nxen-evtchn-y := %s\nccflags-y := -I$(src)\n' "${objects[*]}" > "$dir/Makefile.new"
	if [ -n "${OUTSIDE_UNDEF:-}" ]; then
		echo "#undef $OUTSIDE_UNDEF" > "$dir/undef.h"
		# shellcheck disable=SC2016 # make's variable
		echo 'ccflags-y += -include $(src)/undef.h' >> "$dir/Makefile.new"
	fi
	renew "$dir/Makefile"
	logged "$dir.log" "building the $name driver" \
		make -C "$out" M="$dir" CC="ccache gcc" modules
	echo "$dir/xen-evtchn.ko"
}

# delay FILE: a pause wherever an interrupt has seen or changed the ring and
# has yet to act on it: after the look at the consumer's index and before the
# wake-up. Only what the wake-up's own test runs has it.
delay() {
	local pause='udelay(300);'
	case ${1##*/} in
	evtchn.c.new)
		sed -i -e "/^[[:space:]]*cons = /s/\$/ $pause/" \
			-e "/^[[:space:]]*WRITE_ONCE(u->ring_prod,/s/\$/ $pause/" "$1"
		;;
	ring.c.new)
		sed -i -e "/^void uevtchn_ring_push(/,/^}/{s/if (ring->used < ring->size) {/$pause &/;s/if (events && waitqueue_active/$pause &/}" "$1"
		;;
	*) return 0 ;;
	esac
	sed -i '0,/^#include/s//#include <linux\/delay.h>\n&/' "$1"
	[ "$(grep -o udelay "$1" | wc -l)" -ge 2 ] ||
		die "no place for the pauses in ${1##*/}" -- "adapt delay() in scripts/lib/outside.sh"
}
