# shellcheck shell=bash
# The checks of scripts/test that read or compile the finished tree. Each fails
# by its exit status and says why in its output.

# series_tree BASE: the kernel with the series; prints its folder.
series_tree() (
	lock_cache # a run of another clone may be building in it
	patched_tree "$(readlink -f "$CACHE/src/$1")"
)

newest_tree() {
	series_tree newest
}

# driver_objects TREE: what the driver and its tests are made of, as make names them.
driver_objects() {
	(cd "$1" && printf '%s\n' drivers/xen/evtchn/*.c drivers/xen/evtchn/tests/*.c) | sed 's/c$/o/'
}

check_sparse() {
	local base tree out sparse objects
	# 6.12 does not say which sparse it wants, and can be read by all.
	sparse=$(fetch_sparse "$CACHE/src/newest")
	for base in newest 6.12; do
		tree=$(series_tree $base)
		out=$CACHE/test/sparse-build-$base
		configure "$tree" "$out" "$TOP/scripts/guest/kernel.config"
		kmake "$tree" "$out" -s prepare
		mapfile -t objects < <(driver_objects "$tree")
		(cd "$out" && rm -f "${objects[@]}")
		kmake "$tree" "$out" W=1 C=2 CHECK="$sparse" "${objects[@]}" > "$out.log" 2>&1
		[ "$(grep -c 'CHECK .*drivers/xen/evtchn/' "$out.log")" = ${#objects[@]} ] ||
			failed "sparse did not read all ${#objects[@]} files on $base"
		! grep -E 'warning|error' "$out.log" || failed "on $base"
	done
}

check_kernel_doc() {
	local tree
	tree=$(newest_tree)
	cd "$tree" || return
	scripts/kernel-doc -none -Wall -Werror drivers/xen/evtchn/*.[ch] include/uapi/xen/evtchn.h
	# That it complains at all.
	cp drivers/xen/evtchn/ring.c "$LOGS/undocumented.c"
	sed -i 's/@ring: the ring/@gnir: the ring/' "$LOGS/undocumented.c"
	! scripts/kernel-doc -none -Wall -Werror "$LOGS/undocumented.c" > /dev/null 2>&1 ||
		failed "kernel-doc does not find an error that is there"
}

# Who would be asked about each file of the series: those of Xen.
check_maintainers() {
	local tree file
	tree=$(newest_tree)
	cd "$tree" || return
	for file in $(touched "$TOP"/patches/[0-9]*.patch); do
		# What other parts of the kernel have, but for a line.
		case $file in
		drivers/xen/Makefile | drivers/xen/Kconfig | drivers/xen/evtchn.c | MAINTAINERS) continue ;;
		drivers/tty/hvc/hvc_xen.c) continue ;;
		tools/testing/selftests/Makefile | */index.rst) continue ;;
		esac
		scripts/get_maintainer.pl --nogit --nogit-fallback -f "$file" > "$LOGS/maintainers.one"
		grep -q 'xen-devel@lists.xenproject.org' "$LOGS/maintainers.one" ||
			failed "$file has no maintainer of Xen: $(cat "$LOGS/maintainers.one")"
		echo "$file"
	done
}

# make htmldocs of our page, with the kernel's own settings, and nothing beside it,
# as all of it takes long; and the manual page.
check_pages() {
	local tree dir=$LOGS/page path page=userspace-api/xen-evtchn
	need_tools sphinx-build python3-sphinx dot graphviz mandoc mandoc \
		/usr/lib/python3/dist-packages/yaml python3-yaml
	tree=$(newest_tree)
	rm -rf "$dir" && mkdir -p "$dir/Documentation/userspace-api"
	for path in scripts tools include drivers MAINTAINERS \
		Documentation/{conf.py,images,sphinx,sphinx-includes,sphinx-static}; do
		ln -s "$tree/$path" "$dir/$path"
	done
	cp "$tree/Documentation/$page.rst" "$dir/Documentation/userspace-api/"
	printf 'xen\n===\n\n.. toctree::\n\n   xen-evtchn\n' > "$dir/Documentation/userspace-api/index.rst"
	(cd "$dir/Documentation" &&
		srctree=$dir sphinx-build -q -W --keep-going -c . -b html userspace-api "$dir/out")
	for path in IOCTL_EVTCHN_NOTIFY '</table>' 'file-&gt;bind_lock'; do
		grep -q "$path" "$dir/out/xen-evtchn.html" || failed "the page lacks $path"
	done
	grep -qx '   xen-evtchn' "$tree/Documentation/userspace-api/index.rst" || failed "the page is in no toctree"
	mandoc -Tlint -W style "$TOP/man/xen-evtchn.4"
	mandoc -Thtml "$TOP/man/xen-evtchn.4" > "$dir/man.html"
	grep -q ENOTCONN "$dir/man.html" || failed "the manual page is empty"
}

check_spelling() {
	local tree
	need_tools codespell codespell
	tree=$(newest_tree)
	grep -v '^#' "$tree/scripts/spelling.txt" | grep . | sed 's/||/->/' > "$LOGS/spelling"
	cd "$TOP" || return
	printf 'aboslute\n' | codespell -D "$LOGS/spelling" - > /dev/null && failed "codespell does not find an error that is there"
	codespell -D - -D "$LOGS/spelling" -L filp,extraversion,inout \
		README MAINTAINERS.snippet Documentation drivers include tools scripts .ci
}

# variant NAME CONFIG MAKE-ARGUMENT…: the driver and its tests with another
# configuration, architecture or compiler, or on the kernel ON, W=1: no warning.
variant() {
	local name=$1 config=$2 tree out objects
	shift 2
	tree=$(series_tree "${ON:-newest}")
	out=$CACHE/test/variant-$name
	mkdir -p "$out"
	printf 'CONFIG_%s\n' MODULES=y HYPERVISOR_GUEST=y PARAVIRT=y SMP=y XEN=y XEN_PV=y XEN_PVH=y \
		OF=y ACPI=y PROC_FS=y KUNIT=m XEN_EVTCHN_KUNIT_TEST=m PM=y \
		"XEN_DEV_EVTCHN=${EVTCHN:-m}" > "$out/.fragment"
	if [ "$name" = i386 ]; then
		printf '%s\n' '# CONFIG_64BIT is not set' CONFIG_MPENTIUM4=y CONFIG_X86_PAE=y
	else
		echo CONFIG_64BIT=y
	fi >> "$out/.fragment"
	say "$name"
	kmake "$tree" "$out" "$@" KCONFIG_ALLCONFIG="$out/.fragment" "$config" > "$out.log" 2>&1
	kmake "$tree" "$out" "$@" -s prepare >> "$out.log" 2>&1 || { tail -5 "$out.log"; failed "$name: prepare"; }
	if [ "${EVTCHN:-m}" = n ]; then
		kmake "$tree" "$out" "$@" -s drivers/xen/ >> "$out.log" 2>&1
		[ ! -e "$out/drivers/xen/evtchn/core.o" ] || failed "$name: built although it is switched off"
		return
	fi
	grep -q '^CONFIG_XEN_DEV_EVTCHN=[my]' "$out/.config" || failed "$name: the option was not accepted"
	mapfile -t objects < <(driver_objects "$tree")
	(cd "$out" && rm -f "${objects[@]}")
	kmake "$tree" "$out" "$@" W=1 "${objects[@]}" > "$out.log" 2>&1 ||
		{ tail -20 "$out.log"; failed "$name: does not build"; }
	! grep -E 'warning|error:' "$out.log" || failed "$name: warnings"
	[ -e "$out/drivers/xen/evtchn/core.o" ] || failed "$name: nothing was built"
}

check_variants() {
	local llvm
	need_clang
	EVTCHN=n variant off allnoconfig
	EVTCHN=y variant builtin allnoconfig
	variant clang allnoconfig LLVM="$llvm" CC="ccache clang$llvm" HOSTCC="ccache clang$llvm"
	ON=6.12 variant 6.12 allnoconfig
	variant i386 allnoconfig ARCH=i386
	variant arm64 allnoconfig ARCH=arm64 LLVM="$llvm" CC="ccache clang$llvm" HOSTCC="ccache clang$llvm"
	variant allmod allmodconfig
}

# The selftests and their modules for arm64, which has static event channels.
check_arm64() {
	local llvm tree out dir=$LOGS/arm64 option program arguments
	need_cross
	tree=$(newest_tree)
	out=$CACHE/test/arm64
	rm -rf "$dir"
	mkdir -p "$out" "$dir"
	for option in MODULES MODULE_UNLOAD XEN XEN_PRIVCMD XEN_PRIVCMD_EVENTFD VIRTIO_MENU \
		XEN_VIRTIO SUSPEND EVENTFD PROC_FS; do echo "CONFIG_$option=y"; done > "$out/.fragment"
	arguments=(ARCH=arm64 LLVM="$llvm" HOSTCC="ccache clang$llvm")
	kmake "$tree" "$out" "${arguments[@]}" CC="ccache clang$llvm" KCONFIG_ALLCONFIG="$out/.fragment" allnoconfig
	kmake "$tree" "$out" "${arguments[@]}" CC="ccache clang$llvm" -s modules_prepare headers
	make -C "$tree/tools/testing/selftests" TARGETS=xen O="$dir/build" FORCE_TARGETS=1 \
		"${arguments[@]}" KHDR_INCLUDES="-isystem $out/usr/include" KDIR="$out" \
		LDFLAGS="-static -fuse-ld=lld" USERCFLAGS=-Werror KBUILD_MODPOST_WARN=1 \
		INSTALL_PATH="$dir/installed" install
	# Of ours, as a build of modules leaves *.mod.c in the tree.
	for program in "$TOP"/tools/testing/selftests/xen/evtchn_*_test.c \
		"$TOP"/tools/testing/selftests/xen/test_modules/*.c; do
		program=${program#*/selftests/}
		program=$dir/installed/${program%.c}
		[[ $program != */test_modules/* ]] || program+=.ko
		readelf -h "$program" | grep -q AArch64 || failed "no ${program#"$dir"/installed/} for arm64"
	done
}

# On a copy, beside a file that it must complain of.
check_coccicheck() {
	local tree out dir=$LOGS/coccicheck found
	need_tools spatch coccinelle ocamlopt ocaml
	tree=$(newest_tree)
	out=$CACHE/build/$(basename "$tree")
	rm -rf "$dir" && mkdir -p "$dir"
	cp "$tree"/drivers/xen/evtchn/*.[ch] "$dir/"
	printf 'void flaw(void *p)\n{\n\tif (p)\n\t\tkfree(p);\n}\n' > "$dir/flaw.c"
	kmake "$tree" "$out" -s coccicheck MODE=report M="$dir" > "$dir.log" 2>&1 ||
		{ tail -5 "$dir.log"; failed "coccicheck failed"; }
	found=$(grep -E '^[^ ]*\.[ch]:[0-9]+:' "$dir.log" || true)
	grep -q 'flaw\.c:' <<< "$found" || failed "coccicheck does not find an error that is there"
	! grep -v 'flaw\.c:' <<< "$found"
}
