# shellcheck shell=bash
# Kernel, drivers, selftests and the guest's initial file system.

kmake() {
	local tree=$1 out=$2
	shift 2
	build_folder "$tree" "$out"
	make -C "$tree" O="$out" -j"$JOBS" CC="ccache gcc" HOSTCC="ccache gcc" \
		LOCALVERSION= KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=evtchn \
		KBUILD_BUILD_HOST=guest "$@"
}

# fragment VERSION FILE…: rows OPTION=VALUE and who needs it, from configuration
# fragments for a kernel of that version. In these a line "# For: WHO" above
# options, up to the next empty line, names the driver or the tests that cannot do
# without. Behind an option, "# to 7.2" names the last kernel that has it, and
# "# of the series" says that a stock kernel has not got it.
fragment() {
	local version=$1
	shift
	awk -v version="$version" -v stock="${STOCK:-}" '
		function older(a, b, x, y) {
			split(a, x, "."); split(b, y, ".")
			return x[1] + 0 < y[1] + 0 || (x[1] + 0 == y[1] + 0 && x[2] + 0 < y[2] + 0)
		}
		FNR == 1 || /^$/ { who = "" }
		/^# For: / { who = substr($0, 8) }
		stock && / # of the series$/ { next }
		/^CONFIG_/ && !(/ # to / && older($NF, version)) {
			split($1, option, "=")
			if (!(option[1] in row)) order[++count] = option[1]
			row[option[1]] = $1 (who ? " " who : "")
		}
		END { for (i = 1; i <= count; i++) print row[order[i]] }' "$@"
}

# not_taken TREE OUT: what the .config in OUT lacks of its fragment. An option that
# this kernel no longer has is a warning, kept in OUT/.warnings; the guest can
# do without, unless the fragment says who cannot.
not_taken() {
	local tree=$1 out=$2 line who name lost=() gone=()
	while read -r line who; do
		! grep -qxF "$line" "$out/.config" || continue
		name=${line#CONFIG_}
		if [ -z "$who" ] && ! grep -rqE --include='Kconfig*' \
			"^[[:space:]]*(menu)?config ${name%%=*}\$" "$tree"; then
			gone+=("$line")
		else
			lost+=("$line${who:+, which $who needs}")
		fi
	done < "$out/.fragment.new"
	: > "$out/.warnings"
	[ ${#gone[@]} = 0 ] ||
		echo "this kernel no longer has ${gone[*]}: left out; if the guest works, drop it from scripts/guest/*.config" > "$out/.warnings"
	[ ${#lost[@]} = 0 ] ||
		die "this kernel does not take $(printf '%s; ' "${lost[@]}")" \
		    -- "see what has become of it in $tree, and mend scripts/guest/*.config"
}

# configure TREE OUT FRAGMENT…: allnoconfig and the fragments, when they changed.
configure() {
	local tree=$1 out=$2
	shift 2
	mkdir -p "$out"
	fragment "$(kernel_version "$tree")" "$@" > "$out/.fragment.new"
	if ! cmp -s "$out/.fragment.new" "$out/.fragment" || [ ! -e "$out/.config" ]; then
		cut -d' ' -f1 "$out/.fragment.new" > "$out/.allconfig"
		logged "$out.config.log" "configuring the kernel" \
			kmake "$tree" "$out" KCONFIG_ALLCONFIG="$out/.allconfig" allnoconfig
		not_taken "$tree" "$out"
		mv "$out/.fragment.new" "$out/.fragment"
	fi
	[ ! -s "$out/.warnings" ] || say "warning: $(cat "$out/.warnings")"
}

# build_kernel TREE OUT FRAGMENT…: bzImage, and the driver if it is a module.
build_kernel() {
	local tree=$1 out=$2
	build_folder "$tree" "$out"
	configure "$@"
	have_space "$CACHE" 1 "building a kernel"
	[ -e "$out/vmlinux" ] || say "building the kernel, some 6 minutes on 2 cores"
	logged "$out.log" "building the kernel" kmake "$tree" "$out" bzImage modules
	say "kernel and driver are built"
}

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
	printf 'obj-m := xen-evtchn.o\nxen-evtchn-y := %s\n' "${objects[*]}" > "$dir/Makefile.new"
	if [ -n "${OUTSIDE_UNDEF:-}" ]; then
		echo "#undef $OUTSIDE_UNDEF" > "$dir/undef.h"
		# shellcheck disable=SC2016 # make's variable
		echo 'ccflags-y := -include $(src)/undef.h' >> "$dir/Makefile.new"
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
		die "no place for the pauses in ${1##*/}" -- "adapt delay() in scripts/lib/build.sh"
}

# build_selftests TREE OUT: those of TREE, static, through the kernel's kselftest
# machinery, into OUT.kselftest; their modules are for the kernel in OUT, which may
# be of another tree.
build_selftests() {
	local tree=$1 out=$2 dir headers=$CACHE/build/${1##*/}.headers
	say "building the selftests"
	logged "$headers.log" "installing the user headers" kmake "$tree" "$headers" headers
	dir=$out.kselftest
	mkdir -p "$dir.build"
	# No program of an earlier tree is left.
	rm -rf "$dir"
	logged "$out.kselftest.log" "building the selftests" \
		make -C "$tree/tools/testing/selftests" -j"$JOBS" TARGETS=xen \
		O="$dir.build" KHDR_INCLUDES="-isystem $headers/usr/include" \
		CC="ccache gcc" LDFLAGS=-static INSTALL_PATH="$dir" FORCE_TARGETS=1 \
		KDIR="$out" install
	# Beside the modules themselves, what they were made of.
	find "$dir" -path '*/test_modules/*' -type f ! -name '*.ko' -delete
	grep -q '^xen:' "$dir/kselftest-list.txt" ||
		die "no selftest was built" -- "see $out.kselftest.log"
}

# guest_program TREE NAME FILE: compiles scripts/guest/NAME.c, with the helpers that
# the selftests of TREE have.
guest_program() {
	local tests=$1/tools/testing/selftests/xen
	logged "$3.log" "building $2" gcc -static -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
		-D_GNU_SOURCE= -isystem "$TOP/include/uapi" -I "$tests" \
		-o "$3" "$TOP/scripts/guest/$2.c" "$tests/common.c" -lpthread
}

# make_initramfs OUT FILE DIR-OR-NOTHING…: writes FILE.gz from busybox, our
# init, /job from the file JOB, the module MODULE if any, and FOLDER as /job.d.
make_initramfs() {
	local gen=$1 image=$2 job=$3 module=$4 folder=$5 list=$2.list dir path
	local portcat=$CACHE/guest/portcat
	mkdir -p "$CACHE/guest"
	if [ "$TOP/scripts/guest/portcat.c" -nt "$portcat" ]; then
		gcc -O2 -Wall -Werror -static -o "$portcat" "$TOP/scripts/guest/portcat.c" ||
			die "cannot build scripts/guest/portcat.c" -- "see above"
	fi
	{
		for dir in bin dev lib proc root sys tmp; do echo "dir /$dir 755 0 0"; done
		echo "nod /dev/console 600 0 0 c 5 1"
		echo "file /bin/busybox /bin/busybox 755 0 0"
		echo "slink /bin/sh busybox 777 0 0"
		echo "file /bin/portcat $portcat 755 0 0"
		echo "file /init $TOP/scripts/guest/init 755 0 0"
		echo "file /job $job 755 0 0"
		[ -z "$module" ] || echo "file /lib/xen-evtchn.ko $module 644 0 0"
		if [ -n "$folder" ]; then
			(cd "$folder" && find . -type d | sort) | while read -r path; do
				echo "dir /job.d/${path#./} 755 0 0"
			done
			(cd "$folder" && find . -type f | sort) | while read -r path; do
				echo "file /job.d/${path#./} $folder/$path 755 0 0"
			done
		fi
	} | sed 's,/job.d/\. ,/job.d ,' > "$list"
	"$gen" "$list" | gzip -1 > "$image"
}
