# shellcheck shell=bash
# Xen's own programs for dom0, and a guest in the guest: what scripts/run
# --restore boots. The packages are unpacked in the cache, never installed.

# restore_options: whether scripts/run's others go with --restore, and the memory
# that a domU needs, also when saved.
restore_options() {
	# PVH domUs are unreliable under emulation.
	[ "$DOM0" = pv ] || usage_error "--restore needs a PV kernel: no --pvh, no --kernel debug"
	[ -z "$KUNIT$ONLY$SHELL_GUEST${JOB[*]}" ] ||
		usage_error "--restore runs one selftest and nothing else"
	MEMORY=1536
}

# fetch_toolstack: makes the folder toolstack beside the hypervisor: in bin its
# programs, in lib all libraries that they load, the C library's too. Needs
# fetch_xen() first.
fetch_toolstack() {
	local xen dir number specs
	xen=$(readlink -f "$CACHE/xen/current")
	dir=$xen/toolstack
	[ ! -e "$dir/version" ] || return 0

	number=${xen##*/xen-hypervisor-} number=${number%%-*}
	apt_refresh
	say "downloading Xen's toolstack (3 MB)"
	rm -rf "$dir"
	mkdir -p "$dir/deb" "$dir/bin" "$dir/lib"
	specs=$(toolstack_packages "$number" "$(sed 's/.*amd64_//; s/_[^_]*$//' <<< "${xen##*/}")")
	(
		cd "$dir/deb"
		# shellcheck disable=SC2086 # one word for each package
		apt_private apt-get download $specs > "$APT/download.log" 2>&1
	) || die "cannot download Xen's toolstack" -- "see $APT/download.log"
	gather_toolstack "$dir" "$number"
	rm -rf "$dir/deb" "$dir/root"
	echo "$number" > "$dir/version"
}

# toolstack_packages NUMBER VERSION: xl's package and the Xen libraries below
# it, as PACKAGE=VERSION: the hypervisor's version or, when that has left the
# archive, the newest of the same release (the interface stays the same then).
toolstack_packages() {
	local number=$1 version=$2 packages
	packages=$(apt_private apt-cache depends --recurse --no-recommends \
		--no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances "xen-utils-$number" 2> /dev/null |
		grep -E '^(xen-utils-[0-9.]+|libxen[a-z]+[0-9.]*|libyajl[0-9]+)$' | sort -u)
	# Rows are PACKAGE | VERSION | MIRROR SUITE/COMPONENT ..., the newest first;
	# a release is SUITE, SUITE-security and SUITE-updates.
	# shellcheck disable=SC2086 # one word for each package
	apt_private apt-cache madison "xen-utils-$number" xenstore-utils $packages |
		awk -F ' *[|] *' -v version="$version" '
		{
			gsub(/^ +/, "", $1)
			split($3, place, " ")
			suite = place[2]
			sub(/[-\/].*/, "", suite)
			if (!release) release = suite
			if (suite != release) next
			if (!($1 in best) || $2 == version) best[$1] = $2
		}
		END { for (package in best) print package "=" best[package] }'
}

# gather_toolstack DIR NUMBER: from the packages to programs and libraries, each
# of these by the name that it is loaded by.
gather_toolstack() {
	local dir=$1 bin=$1/root/usr/lib/xen-$2/bin file lost
	for file in "$dir"/deb/*.deb; do dpkg -x "$file" "$dir/root"; done
	for file in xl xenstored xenconsoled xen-init-dom0 libxl-save-helper lsevtchn; do
		[ -e "$bin/$file" ] ||
			die "xen-utils-$2 has no $file" -- "mend scripts/lib/toolstack.sh"
		cp "$bin/$file" "$dir/bin/"
	done
	# One program by several names; the first word says which.
	cp -L "$dir/root/usr/bin/xenstore-read" "$dir/bin/xenstore"

	LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu ldd "$dir"/bin/* > "$dir/ldd"
	lost=$(awk '/not found/ { print $1 }' "$dir/ldd" | sort -u | tr '\n' ' ')
	[ -z "$lost" ] || die "Xen's toolstack needs $lost" -- "apt-get install what has them"
	awk '$2 == "=>" { print $3 } $1 ~ /ld-linux/ { print $1 }' "$dir/ldd" | sort -u |
		while read -r file; do cp -L "$file" "$dir/lib/"; done
	# Loaded when a thread is cancelled, which xl does.
	cp -L "$(gcc -print-file-name=libgcc_s.so.1)" "$dir/lib/"
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

	cp "$out/arch/x86/boot/bzImage" "$folder/domu/kernel"
	# The selftest asks Xen about ports, for which privcmd must let it.
	echo "console=hvc0 panic=-1 loglevel=8 xen.fifo_events=$FIFO xen_privcmd.unrestricted=1" \
		> "$folder/domu/cmdline"
	cp -r "$CACHE/xen/current/toolstack" "$folder/"
}
