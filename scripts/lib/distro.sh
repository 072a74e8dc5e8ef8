# shellcheck shell=bash
# The checks of scripts/test for a distribution that builds the series with its own
# configuration and has lists of where modules are. Each fails by its exit status
# and says why.

# install_modules TREE OUT LOG MAKE-ARGUMENT…: builds drivers/xen's modules and no
# others, installs them below OUT.installed and prints where xen-evtchn is there.
install_modules() {
	local tree=$1 out=$2 log=$3 modules
	shift 3
	rm -rf "$out.installed"
	# The lists that modules_install wants are those of a whole kernel's build.
	{
		kmake "$tree" "$out" "$@" -s prepare &&
			kmake "$tree" "$out" "$@" -s drivers/xen/ &&
			mapfile -t modules < <(sed 's/o$/ko/' "$out/drivers/xen/modules.order") &&
			kmake "$tree" "$out" "$@" -s "${modules[@]}" &&
			cp "$out/drivers/xen/modules.order" "$out/modules.order" &&
			touch "$out"/modules.builtin{,.modinfo,.ranges} &&
			kmake "$tree" "$out" "$@" -s modules_install INSTALL_MOD_PATH="$out.installed" \
				CONFIG_MODULE_SIG_ALL=
	} > "$log" 2>&1 || { tail -15 "$log" >&2; failed "the modules of drivers/xen: see $log" >&2; }
	(cd "$out.installed" && find . -type f -name 'xen-evtchn.ko*')
}

# right_path PATH: whether a module is where distributions have had it, compressed
# or not.
right_path() {
	[[ $1 =~ ^\./lib/modules/[^/]+/kernel/drivers/xen/xen-evtchn\.ko(\.gz|\.xz|\.zst)?$ ]] ||
		failed "xen-evtchn is not kernel/drivers/xen/xen-evtchn.ko but ${1:-nowhere}"
}

check_module_path() {
	local driver tree out path first=''
	for driver in stock ours; do
		out=$CACHE/test/module-path-$driver
		tree=$(readlink -f "$CACHE/src/newest")
		[ $driver = stock ] || tree=$(newest_tree)
		printf 'CONFIG_%s\n' 64BIT=y SMP=y MODULES=y HYPERVISOR_GUEST=y PARAVIRT=y XEN=y \
			XEN_PV=y ACPI=y XEN_DEV_EVTCHN=m > "$out.config"
		configure "$tree" "$out" "$out.config"
		# There is no vmlinux to resolve symbols against.
		path=$(install_modules "$tree" "$out" "$out.log" KBUILD_MODPOST_WARN=1)
		echo "$driver: $path"
		right_path "$path"
		[ "${first:=$path}" = "$path" ] || failed "the paths differ"
	done
}

# fetch_headers BASE DIR: Debian's .config and Module.symvers of the very source in
# BASE, into DIR; prints the name that Debian's kernel gives itself.
fetch_headers() {
	local version=${1##*_} dir=$2 package deb
	apt_refresh
	# A package that only depends on the newest sorts before it.
	package=$(versions 'linux-headers-[0-9][0-9.]*(-rc[0-9]+)?(\+[a-z0-9]+)?-amd64' |
		awk -v version="$version" '$2 == version { name = $1 } END { print name }')
	[ -n "$package" ] ||
		failed "no suite has the linux-headers of ${1##*/}; next: wait until Debian has built them, or scripts/run --fetch-only for a newer source" >&2
	if [ ! -e "$dir/$package/Module.symvers" ]; then
		deb=$(download "$package=$version") ||
			failed "cannot download $package $version; next: see $APT/download.log" >&2
		rm -rf "$dir" "$dir.deb"
		dpkg -x "$deb" "$dir.deb"
		mkdir -p "$dir"
		mv "$dir.deb/usr/src/$package" "$dir/"
		rm -rf "$dir.deb" "$deb"
	fi
	echo "${package#linux-headers-}"
}

# same_modinfo STOCK OURS: every field is in both, with the same value but for those
# that tell of the sources.
same_modinfo() {
	local sources='^(license|description|author|srcversion):'
	diff <(cut -d: -f1 "$1") <(cut -d: -f1 "$2") || failed "modinfo has other fields (< stock's, > ours)"
	diff <(grep -vE "$sources" "$1") <(grep -vE "$sources" "$2") || failed "modinfo has other values (< stock's, > ours)"
	echo "modinfo as stock's: $(grep -vE "$sources" "$1" | sed 's/: */=/' | tr '\n' ';')"
	{ diff "$1" "$2" || true; } | sed -n 's/^< /modinfo of stock: /p; s/^> /modinfo of ours:  /p'
}

# built_in TREE OUT MAKE-ARGUMENT…: the configuration in OUT with the driver and its
# tests built in.
built_in() {
	local tree=$1 out=$2 new
	shift 2
	"$tree/scripts/config" --file "$out/.config" -e KUNIT
	new=$(kmake "$tree" "$out" "$@" -s listnewconfig | grep XEN || true)
	[ "$new" = CONFIG_XEN_EVTCHN_KUNIT_TEST=n ] || failed "with KUNIT=y make oldconfig would ask for: ${new:-nothing}"
	echo "with KUNIT=y make oldconfig asks for $new, and make olddefconfig takes that"
	"$tree/scripts/config" --file "$out/.config" -e XEN_DEV_EVTCHN -e XEN_EVTCHN_KUNIT_TEST
	kmake "$tree" "$out" "$@" -s olddefconfig
	for new in KUNIT XEN_DEV_EVTCHN XEN_EVTCHN_KUNIT_TEST; do
		grep -qx "CONFIG_$new=y" "$out/.config" || failed "$new=y does not take"
	done
	{ kmake "$tree" "$out" "$@" -s prepare && kmake "$tree" "$out" "$@" -s drivers/xen/; } > "$out.y.log" 2>&1 ||
		{ tail -15 "$out.y.log"; failed "drivers/xen does not build with =y"; }
	! grep . "$out.y.log" || failed "drivers/xen with =y"
	new=$(comm -23 <(driver_objects "$tree" | sort) <(cd "$out" && ar t drivers/xen/built-in.a | sort))
	[ -z "$new" ] || failed "not in built-in.a: $new"
	echo "=y: the driver and its tests are in drivers/xen/built-in.a, without a warning"
}

# One tree and one build folder for both drivers, the stock one first.
check_distro() {
	local base repo tree out dir release driver file path make
	need_tools /sbin/modinfo kmod
	base=$(readlink -f "$CACHE/src/newest")
	repo=$(scratch newest am-distro)
	tree=$CACHE/test/distro-tree out=$CACHE/test/distro-build
	release=$(fetch_headers "$base" "$out.headers")
	dir=$out.headers/linux-headers-$release
	rm -rf "$tree" && mkdir -p "$out"
	cp -al "$base" "$tree"
	# The last run left ours.
	find "$out" -path '*/drivers/xen/*' -name '*.o' -delete
	# Debian's symbols, but for those of the modules that are built here.
	awk '$3 !~ "^drivers/xen/"' "$dir/Module.symvers" > "$out/theirs.symvers"
	printf '#!/bin/sh\nexec scripts/mod/modpost -i theirs.symvers "$@"\n' > "$out/modpost"
	chmod +x "$out/modpost"
	# Rust and BTF want more than drivers/xen to be built.
	make=(KERNELRELEASE="$release" RUSTC=no-rustc PAHOLE=no-pahole)
	cp "$dir/.config" "$out/.config"
	for driver in stock ours; do
		if [ $driver = ours ]; then
			for file in $(git -C "$repo" diff --name-only base HEAD); do
				rm -f "$tree/$file"
				[ ! -e "$repo/$file" ] || { mkdir -p "$tree/${file%/*}"; cp "$repo/$file" "$tree/$file"; }
			done
			kmake "$tree" "$out" "${make[@]}" -s listnewconfig > "$out.new"
			! grep '^CONFIG_' "$out.new" || failed "make oldconfig would ask for these"
		fi
		kmake "$tree" "$out" "${make[@]}" -s olddefconfig
		"$tree/scripts/diffconfig" "$dir/.config" "$out/.config" > "$out.differ"
		! grep XEN "$out.differ" || failed "$driver: options of Xen differ from Debian's"
		path=$(install_modules "$tree" "$out" "$out.$driver.log" "${make[@]}" MODPOST=./modpost)
		right_path "$path"
		! grep evtchn "$out.$driver.log" || failed "$driver: see above"
		/sbin/modinfo "$out/drivers/xen/xen-evtchn.ko" | grep -v '^filename:' | sort > "$out.$driver.modinfo"
		echo "$driver, with $(grep XEN_DEV_EVTCHN= "$out/.config") and no question: $path, every symbol is Debian's"
	done
	! grep -vxFf "$out.stock.log" "$out.ours.log" || failed "the build of the stock driver does not print this"
	same_modinfo "$out.stock.modinfo" "$out.ours.modinfo"
	built_in "$tree" "$out" "${make[@]}"
	echo "not Debian's: $(grep -c . "$out.differ") options, of the compiler, Rust, BTF and what needs them, none of Xen: $out.differ"
	echo "not done: BTF, signatures, depmod, and vmlinux with =y, as they want a whole kernel or Debian's key"
	! grep -qx CONFIG_MODVERSIONS=y "$dir/.config" || echo "not done: symbols' versions, which are those of Debian's compiler"
}
