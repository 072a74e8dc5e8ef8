# shellcheck shell=bash
# Xen's own programs for dom0, and a guest in the guest: what scripts/run --restore,
# --busy and --clients boot. The packages are unpacked in the cache, never installed.

# Programs of xen-utils that dom0 gets, and those more that --clients asks for.
TOOLSTACK="xl xenstored xenconsoled xen-init-dom0 libxl-save-helper lsevtchn"
TOOLSTACK_MORE="oxenstored xenconsole xenstore-control test-xenstore vchan-socket-proxy xentrace
	xen-lowmemd depriv-fd-checker"

# toolstack_options OPTION: whether scripts/run's others go with --restore and the like,
# and the memory that a domU needs, also when saved.
toolstack_options() {
	# PVH domUs are unreliable under emulation.
	[ "$DOM0" = pv ] || usage_error "$1 needs a PV kernel: no --pvh, no --kernel debug"
	[ -z "$KUNIT$([ "$1" = --clients ] || echo "${ONLY[*]}")$SHELL_GUEST${JOB[*]}" ] ||
		usage_error "$1 chooses itself what to run"
	DOMU_MEMORY=$((MEMORY / 8))
	MEMORY=$((MEMORY + 512))
}

# fetch_toolstack: makes the folder toolstack beside the hypervisor, of the same
# release of Debian: in bin its programs, in ocaml what oxenstored loads, in lib all
# libraries that these load, the C library's too. Needs fetch_xen() first.
fetch_toolstack() {
	local dir=$XEN/toolstack number wanted="$TOOLSTACK $TOOLSTACK_MORE ocaml"
	[ ! -e "$dir/version" ] || [ "$(cat "$dir/programs" 2> /dev/null)" != "$wanted" ] || return 0

	number=$(xen_version)
	say "downloading Xen's toolstack and its libraries"
	unpack_programs "$dir" 'xen-utils-[0-9.]+|xenstore-utils' "xen-utils-$number" xenstore-utils
	gather_toolstack "$dir" "$number"
	rm -rf "$dir/root"
	echo "$wanted" > "$dir/programs"
	echo "$number" > "$dir/version"
}

# unpack_programs DIR PATTERN PACKAGE...: to DIR/root, with those that they need and whose
# names the pattern takes, and all libraries, of the hypervisor's suite.
unpack_programs() {
	local dir=$1 pattern=$2 suite packages
	shift 2
	suite=$(cat "$XEN/suite")
	(
		release_of "$suite"
		# Without Python, which nothing here is written in.
		packages=$(needed_by "$suite" "$pattern|lib([^p]|p[^y]).*" "$@")
		# shellcheck disable=SC2086 # one word for each package
		unpack_packages "$dir" "$suite" $packages
	)
}

# gather_toolstack DIR NUMBER: from the packages to programs and libraries, each
# of these by the name that it is loaded by.
gather_toolstack() {
	local dir=$1 bin=$1/root/usr/lib/xen-$2/bin file
	mkdir -p "$dir/bin" "$dir/lib"
	for file in $TOOLSTACK; do
		[ -e "$bin/$file" ] ||
			die "xen-utils-$2 has no $file" -- "fix scripts/lib/toolstack.sh"
		cp "$bin/$file" "$dir/bin/"
	done
	for file in $TOOLSTACK_MORE; do
		[ ! -e "$bin/$file" ] || cp "$bin/$file" "$dir/bin/"
	done
	# What oxenstored loads, since Xen 4.20.
	[ ! -e "${bin%/bin}/ocaml" ] || cp -r "${bin%/bin}/ocaml" "$dir/"
	# One program by several names; the first word says which.
	cp -L "$dir/root/usr/bin/xenstore-read" "$dir/bin/xenstore"

	gather_libraries "$dir"
}

# gather_libraries DIR: to DIR/lib all that the programs in DIR/bin load, and what
# these load from DIR/ocaml.
gather_libraries() {
	local dir=$1 file lost loader
	# As the loader of that release finds them.
	loader=$(find "$dir/root" -name ld-linux-x86-64.so.2 -type f)
	find "$dir" -path "$dir/root" -prune -o -type f \( -path "$dir/bin/*" -o -name '*.cmxs' \) -print | while read -r file; do
		"$loader" --library-path "$(printf '%s:' "$dir"/root/{usr/,}lib/x86_64-linux-gnu)" --list "$file"
	done > "$dir/ldd"
	lost=$(awk '/not found/ { print $1 }' "$dir/ldd" | sort -u | tr '\n' ' ')
	[ -z "$lost" ] || die "$(ls "$dir/bin") need $lost" -- "fix scripts/lib/toolstack.sh"
	awk '$2 == "=>" { print $3 }' "$dir/ldd" | sort -u |
		while read -r file; do cp -L "$file" "$dir/lib/"; done
	cp "$loader" "$dir/lib/"
	# Loaded when a thread is cancelled, which xl does.
	find "$dir/root" -name libgcc_s.so.1 -type f -exec cp {} "$dir/lib/" \;
}

# fetch_device_model: makes the folder qemu beside the toolstack, in the same way: the
# QEMU that Debian builds for domUs. Needs fetch_xen() first.
fetch_device_model() {
	local dir=$XEN/qemu
	[ ! -e "$dir/version" ] || return 0
	say "downloading QEMU for domUs and its libraries"
	unpack_programs "$dir" 'qemu-system-(xen|data)' qemu-system-xen
	mkdir -p "$dir/bin" "$dir/lib" "$dir/share/keymaps"
	# The one of its data that it reads without a screen.
	cp "$dir"/root/usr/share/qemu/keymaps/en-us "$dir/share/keymaps/"
	cp "$dir"/root/usr/libexec/xen-qemu-system-i386 "$dir/bin/" ||
		die "qemu-system-xen has no xen-qemu-system-i386" -- "fix scripts/lib/toolstack.sh"
	gather_libraries "$dir"
	"$dir/lib/ld-linux-x86-64.so.2" --library-path "$dir/lib" "$dir/bin/xen-qemu-system-i386" \
		--version > "$dir/version.new"
	rm -rf "$dir/root"
	mv "$dir/version.new" "$dir/version"
}

# restore_folder FOLDER OUT MODULE: what dom0 needs for --restore: the toolstack,
# and a domU with the same kernel and driver whose job is the selftest. Its init
# is dom0's, too; dom0's job learns by "@exit" on its console how it went.
restore_folder() {
	local folder=$1 out=$2 module=$3 domu=$1.domu
	mkdir -p "$domu/xen" "$folder/domu"
	cp "$out.kselftest/xen/evtchn_restore_test" "$out.kselftest/xen/settings" "$domu/xen/"
	echo xen:evtchn_restore_test > "$domu/kselftest-list.txt"
	echo evtchn_restore_test > "$domu/only"
	cp "$TOP/scripts/guest/selftests" "$domu/"
	cat > "$domu.job" <<-'EOF'
	#!/bin/sh
	/job.d/selftests
	status=$?
	echo "@exit $status" > /dev/hvc0
	exit $status
	EOF
	make_initramfs "$out/usr/gen_init_cpio" "$folder/domu/initramfs" \
		"$domu.job" "$module" "$domu"
	rm -rf "$domu" "$domu.job" "$folder/domu/initramfs.list"

	domu_kernel "$folder" "$out"
	# The selftest asks Xen about ports, for which privcmd must let it.
	sed -i 's/$/ xen_privcmd.unrestricted=1/' "$folder/domu/cmdline"
	echo "$DOMU_MEMORY" > "$folder/domu/memory"
}

# domu_kernel FOLDER OUT: the toolstack, and what any domU boots.
domu_kernel() {
	mkdir -p "$1/domu"
	cp "$(kernel_image "$2")" "$1/domu/kernel"
	echo "console=hvc0 panic=-1 loglevel=8 xen.fifo_events=$FIFO${APPEND:+ $APPEND}" > "$1/domu/cmdline"
	cp -r "$XEN/toolstack" "$TOP/scripts/guest/toolstack.sh" "$1/"
}
