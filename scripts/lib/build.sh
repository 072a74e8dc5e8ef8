# shellcheck shell=bash
# Kernel, drivers and selftests.

. "$TOP/scripts/lib/initramfs.sh"
. "$TOP/scripts/lib/outside.sh"

# The guest's machine, x86 or arm64, what make wants for it (see arm64_fetch()), and
# its compiler of programs.
: "${MACHINE:=x86}"
CROSS=() TARGET_CC=(gcc) TARGET_LDFLAGS=(-static)

# need_clang: sets llvm to the suffix of the newest clang, Debian's default being older
# than what the kernel wants. No cross gcc: its packages throw gcc-multilib out.
need_clang() {
	llvm=$(apt-cache pkgnames clang- | sed -n 's/^clang\(-[0-9]*\)$/\1/p' | sort -V | tail -1)
	need_tools "clang$llvm" "clang$llvm" "ld.lld$llvm" "lld$llvm" "llvm-objcopy$llvm" "llvm$llvm" "$@"
}

# need_cross: that, and what programs for arm64 are linked with.
need_cross() {
	local version
	need_tools
	version=$(gcc -dumpversion)
	need_clang /usr/aarch64-linux-gnu/lib/libc.a libc6-dev-arm64-cross \
		"/usr/lib/gcc-cross/aarch64-linux-gnu/$version/libgcc.a" \
		"libgcc-$version-dev-arm64-cross" "$@"
}

kmake() {
	local tree=$1 out=$2
	shift 2
	build_folder "$tree" "$out"
	make -C "$tree" O="$out" -j"$JOBS" CC="ccache gcc" HOSTCC="ccache gcc" \
		LOCALVERSION= KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=evtchn \
		KBUILD_BUILD_HOST=guest "${CROSS[@]}" "$@"
}

# fragment VERSION FILE…: rows OPTION=VALUE and who needs it, from configuration
# fragments for a kernel of that version. In these a line "# For: WHO" above
# options, up to the next empty line, names the driver or the tests that cannot do
# without. Behind an option, "# to 7.2" names the last kernel that has it, and
# "# of the series" says that a stock kernel has not got it. A line "# On: ARCH"
# above options, up to the next empty line, leaves them to that MACHINE.
fragment() {
	local version=$1
	shift
	awk -v version="$version" -v stock="${STOCK:-}" -v machine="$MACHINE" '
		function older(a, b, x, y) {
			split(a, x, "."); split(b, y, ".")
			return x[1] + 0 < y[1] + 0 || (x[1] + 0 == y[1] + 0 && x[2] + 0 < y[2] + 0)
		}
		FNR == 1 || /^$/ { who = on = "" }
		/^# On: / { on = $3 }
		on && on != machine { next }
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
		echo "this kernel no longer has ${gone[*]}: it is left out; if the guest works, remove it from scripts/guest/*.config" > "$out/.warnings"
	[ ${#lost[@]} = 0 ] ||
		die "this kernel does not take $(printf '%s; ' "${lost[@]}")" \
		    -- "see what replaces it in $tree, and adapt scripts/guest/*.config"
}

# configure TREE OUT FRAGMENT…: allnoconfig and the fragments, when they changed.
configure() {
	local tree=$1 out=$2
	shift 2
	mkdir -p "$out"
	fragment "$(kernel_version "$tree")" "$@" > "$out/.fragment.new"
	if ! cmp -s "$out/.fragment.new" "$out/.fragment" || [ ! -e "$out/.config" ]; then
		# Gone until the configuration is known to be taken.
		rm -f "$out/.fragment"
		cut -d' ' -f1 "$out/.fragment.new" > "$out/.allconfig"
		logged "$out.config.log" "configuring the kernel" \
			kmake "$tree" "$out" KCONFIG_ALLCONFIG="$out/.allconfig" allnoconfig
		not_taken "$tree" "$out"
		mv "$out/.fragment.new" "$out/.fragment"
	fi
	[ ! -s "$out/.warnings" ] || say "warning: $(cat "$out/.warnings")"
}

# kernel_image OUT: what boots.
kernel_image() {
	case $MACHINE in
	x86) echo "$1/arch/x86/boot/bzImage" ;;
	arm64) echo "$1/arch/arm64/boot/Image" ;;
	esac
}

# tool_versions: of what kernel, driver and programs are built with.
tool_versions() {
	"${TARGET_CC[0]}" --version
	ld --version
	make --version
	dpkg-query -W gcc-multilib libc6-dev 2> /dev/null || true
}

# build_key TREE OUT: the sum of all that a build in OUT, of a tree of tree.sh, is made
# of. make itself needs half a minute to find that nothing changed.
build_key() {
	cat "$1/.key" "$2/.fragment" <(tool_versions) \
		<(printf '%s\n' "$MACHINE" "${CROSS[@]}"; declare -f kmake build_kernel build_selftests) |
		sha256sum
}

# was_built FOLDER KEY: whether the build there was of that key. If not, nothing is known
# of it until built() says so.
was_built() {
	[ "$(cat "$1/.built" 2> /dev/null)" != "$2" ] || return 0
	rm -f "$1/.built"
	return 1
}

built() {
	echo "$2" > "$1/.built"
}

# build_kernel TREE OUT FRAGMENT…: the image, and the driver if it is a module.
build_kernel() {
	local tree=$1 out=$2 image key
	image=$(kernel_image "$out")
	build_folder "$tree" "$out"
	configure "$@"
	key=$(build_key "$tree" "$out")
	[ -e "$image" ] || rm -f "$out/.built"
	if was_built "$out" "$key"; then
		say "kernel and driver were built before"
		return
	fi
	have_space "$CACHE" 1 "building a kernel"
	[ -e "$out/vmlinux" ] || say "building the kernel, some 6 minutes on 2 cores"
	logged "$out.log" "building the kernel" kmake "$tree" "$out" "${image##*/}" modules
	built "$out" "$key"
	say "kernel and driver are built"
}

# build_selftests TREE OUT: those of TREE, static, through the kernel's kselftest
# machinery, into OUT.kselftest; their modules are for the kernel in OUT, which may
# be of another tree.
build_selftests() {
	local tree=$1 out=$2 dir=$2.kselftest headers key
	headers=$CACHE/build/${1##*/}.headers
	[ "$MACHINE" = x86 ] || headers+=-$MACHINE
	key=$(build_key "$tree" "$out" | cat - "$out/.built" | sha256sum)
	if was_built "$dir" "$key"; then
		say "the selftests were built before"
		return
	fi
	say "building the selftests"
	logged "$headers.log" "installing the user headers" kmake "$tree" "$headers" headers
	mkdir -p "$dir.build"
	# No program of an earlier tree is left.
	rm -rf "$dir"
	logged "$out.kselftest.log" "building the selftests" \
		make -C "$tree/tools/testing/selftests" -j"$JOBS" TARGETS=xen \
		O="$dir.build" KHDR_INCLUDES="-isystem $headers/usr/include" \
		INSTALL_PATH="$dir" FORCE_TARGETS=1 KDIR="$out" "${CROSS[@]}" \
		CC="ccache ${TARGET_CC[*]}" LDFLAGS="${TARGET_LDFLAGS[*]}" install
	# Beside the modules themselves, what they were made of.
	find "$dir" -path '*/test_modules/*' -type f ! -name '*.ko' -delete
	grep -q '^xen:' "$dir/kselftest-list.txt" ||
		die "no selftest was built" -- "see $out.kselftest.log"
	built "$dir" "$key"
}
