# shellcheck shell=bash
# scripts/run --arch arm64: Debian's Xen for arm64 in QEMU's virt machine, with dom0
# alone or, --dom0less, with two domUs that Xen builds itself, and event channels
# between them that are there from the beginning.

# Set by scripts/run from its options.
: "${DOM0LESS:=}"

# arm64_options: which others go with it, and what is different for it.
arm64_options() {
	[ "$KERNEL" = plain ] || usage_error "--arch arm64 has the plain kernel alone: no --kernel $KERNEL"
	[ "$DOM0" != pvh ] || usage_error "--arch arm64 has one kind of dom0: no --pvh"
	[ -z "$KUNIT" ] || usage_error "--kunit is for x86: no --arch arm64"
	[ -z "$RESTORE$BUSY$CLIENTS" ] || usage_error "--restore, --busy and --clients use Xen's toolstack, which is there for x86 only: no --arch arm64"
	[ -z "$ICOUNT" ] || usage_error "--icount counts x86's instructions: no --arch arm64"
	[ -z "$DELAY" ] || usage_error "--delay has a module for x86 alone: no --arch arm64"
	[ "$QEMU_WHICH" = system ] || usage_error "--arch arm64 has the system's QEMU alone: no --qemu $QEMU_WHICH"
	[ ${#JOB[@]} = 0 ] || ! readelf -h "${JOB[0]}" 2> /dev/null | grep -qE 'X86-64|80386' ||
		usage_error "${JOB[0]} is for x86; clang --target=aarch64-linux-gnu makes one for --arch arm64"
	MACHINE=arm64 DOM0=arm64
	# There, Xen calls a dom0 halted that powers off, and one that panicked reboots.
	CRASH="${CRASH/|halted/}|Hardware Dom0 shutdown: rebooting"
	SPLAT+='|Call trace:|Internal error: '
	if [ -n "$DOM0LESS" ]; then
		[ -z "${ONLY[*]}$SHELL_GUEST${JOB[*]}" ] ||
			usage_error "--dom0less has a program of its own, in all domains: no --only, --shell or program"
		MEMORY=1536 DOMU_MEMORY=128
	fi
}

# arm64_fetch: the packages and programs that it needs; sets XEN, QEMU and BUSYBOX. From
# here on, apt knows that architecture's packages alone.
arm64_fetch() {
	local row package version suite dir deb
	need_cross qemu-system-aarch64 qemu-system-arm dtc device-tree-compiler
	CROSS=(ARCH=arm64 "LLVM=$llvm" "CC=ccache clang$llvm")
	TARGET_CC=("clang$llvm" --target=aarch64-linux-gnu)
	TARGET_LDFLAGS=(-static -fuse-ld=lld)
	QEMU=qemu-system-aarch64

	APT=$CACHE/apt-arm64 APT_ARCH=arm64
	fetch_xen "$XEN_WHICH"
	row=$(versions busybox-static | sed -n 1p)
	[ -n "$row" ] || die "no suite of Debian has busybox-static for arm64" -- "see $APT/log; is there a network?"
	read -r package version suite <<< "$row"
	dir=$CACHE/xen/$package-arm64_${version#*:}
	BUSYBOX=$dir/busybox
	[ ! -e "$BUSYBOX" ] || return 0
	deb=$(download "$package=$version") ||
		die "cannot download $package $version of $suite" -- "see $APT/download.log"
	rm -rf "$dir" && mkdir -p "$dir"
	dpkg -x "$deb" "$dir/deb"
	mv "$(find "$dir/deb" -path '*bin/busybox' -type f)" "$BUSYBOX"
	rm -rf "$dir/deb" "$deb"
}

# Where QEMU loads what Xen calls its modules. The machine's memory begins at 1 GB.
KERNEL_AT=0x50000000 INITRD_AT=0x57000000

# QEMU's arguments in the array qemu_args. There is one CPU, whatever the number of
# dom0's: with more, an event takes QEMU ten times as long. What is x86's I/O ports
# there are ports of virtio here, numbered in the same order.
arm64_arguments() {
	local kernel=$1 run=$2 name nr=0
	qemu_args=(-nodefaults -display none -no-reboot -m "$MEMORY" -smp 1 -accel tcg
		-machine "virt,virtualization=on,gic-version=3" -cpu cortex-a57)
	make_device_tree "$kernel" "$run" > "$run/dtb.log" 2>&1 ||
		die "the machine has no device tree: $(tail -1 "$run/dtb.log")" -- "see $run/dtb.log and $run/xen.dts"
	if [ -n "$SHELL_GUEST" ]; then
		qemu_args+=(-serial mon:stdio)
	else
		qemu_args+=(-monitor none -serial "file:$run/console" -device virtio-serial-device)
		for name in out.fifo reports err.fifo gcov.tar; do
			nr=$((nr + 1))
			qemu_args+=(-chardev "file,id=port$nr,path=$run/$name"
				-device "virtserialport,nr=$nr,chardev=port$nr")
		done
	fi
	qemu_args+=(-kernel "$XEN/xen" -dtb "$run/xen.dtb"
		-device "loader,file=$kernel,addr=$KERNEL_AT,force-raw=on"
		-device "loader,file=$run/guest.gz,addr=$INITRD_AT,force-raw=on")
}

# make_device_tree KERNEL RUN: what the machine has, as QEMU tells, and what Xen wants to
# find beside it, as RUN/xen.dtb.
make_device_tree() {
	local kernel=$1 run=$2
	"$QEMU" "${qemu_args[@]}" -machine "dumpdtb=$run/qemu.dtb" || return
	dtc -q -I dtb -O dts -o "$run/xen.dts" "$run/qemu.dtb" || return
	device_tree "$kernel" "$run" >> "$run/xen.dts"
	dtc -q -I dts -O dtb -o "$run/xen.dtb" "$run/xen.dts"
}

# boot_modules KERNEL INITRD [WORDS]: the nodes of a domain's kernel and initial file
# system; a domU's command line stands in the former.
boot_modules() {
	local words=${3:+"bootargs = \"$3\";"}
	cat <<-EOF
	module@${KERNEL_AT#0x} {
		compatible = "multiboot,kernel", "multiboot,module";
		reg = <0 $KERNEL_AT 0 $(stat -c %s "$1")>;
		$words
	};
	module@${INITRD_AT#0x} {
		compatible = "multiboot,ramdisk", "multiboot,module";
		reg = <0 $INITRD_AT 0 $(stat -c %s "$2")>;
	};
	EOF
}

# static_channels DOMAIN: the nodes of its ends of the channels in guest/ports.
static_channels() {
	awk -v domain="$1" '
		/^#/ || NF != 5 { next }
		{
			row++
			for (i = 0; i < 2; i++)
				if ($(2 + 2 * i) == domain)
					printf "end%d_%d: evtchn-%d-%d { compatible = \"xen,evtchn-v1\"; xen,evtchn = <%d &end%d_%d>; };\n",
						row, i, row, i, $(3 + 2 * i), row, 1 - i
		}' "$TOP/scripts/guest/ports"
}

# device_tree KERNEL RUN: what Xen wants to find beside what the machine has.
device_tree() {
	local domain linux
	linux="panic=-1 xen.fifo_events=$FIFO${APPEND:+ $APPEND}"
	cat <<-EOF
	/ { chosen {
		#address-cells = <2>;
		#size-cells = <2>;
		xen,xen-bootargs = "console=dtuart dom0_mem=512M dom0_max_vcpus=$SMP loglvl=all guest_loglvl=all noreboot=1${XEN_APPEND:+ $XEN_APPEND}";
		xen,dom0-bootargs = "console=hvc0 loglevel=8 $linux$([ -z "$SHELL_GUEST" ] || echo " evtchn.shell")";
		$(boot_modules "$1" "$2/guest.gz")
		$([ -z "$DOM0LESS" ] || static_channels 0)
	EOF
	# What the kernel says while all is well would stand amid the job's lines.
	for domain in ${DOM0LESS:+1 2}; do
		cat <<-EOF
		domU$domain {
			compatible = "xen,domain";
			#address-cells = <2>;
			#size-cells = <2>;
			memory = <0 $((DOMU_MEMORY * 1024))>;
			cpus = <1>;
			vpl011;
			xen,enhanced = "no-xenstore";
			$(boot_modules "$1" "$2/guest.gz" "console=ttyAMA0 loglevel=5 evtchn.domain=$domain $linux")
			$(static_channels "$domain")
		};
		EOF
	done
	echo '}; };'
}

# dom0less_job RUN PATCHED: the job and its folder, the same in all three domains.
dom0less_job() {
	mkdir -p "$folder/xen"
	guest_program "$2" channels "$folder/xen/channels"
	cp "$TOP/scripts/guest/ports" "$folder/xen/"
	cp "$TOP/scripts/guest/selftests" "$1/job"
	echo channels > "$folder/only"
	printf '#!/bin/sh\ncd /job.d/xen && exec ./channels end\n' > "$folder/.end"
}

# gather_domus RUN: what the domUs said on Xen's console goes where dom0's words are, and
# OUTCOME is that of all three.
gather_domus() {
	local run=$1 domain status
	for domain in 1 2; do
		tr -d '\r' < "$run/console" |
			sed -nE "s/^.*(DOM$domain:|\(d$domain\)) *@(0x31[0-2]) ?/\2 /p" > "$run/domU$domain"
		sed -n 's/^0x310 //p' "$run/domU$domain" | tee -a "$run/out"
		sed -n 's/^0x312 //p' "$run/domU$domain" | tee -a "$run/err" >&2
		status=$(sed -n 's/^0x311 exit //p' "$run/domU$domain")
		case $OUTCOME,$status in
		exit*,0) ;;
		"exit 0,"?*) OUTCOME="exit $status" ;;
		exit*,) OUTCOME="domain $domain" ;;
		esac
	done
}
