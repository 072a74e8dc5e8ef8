# shellcheck shell=bash
# The check of scripts/test on tools/for-xen, the patch for Xen's libxenevtchn: on
# Debian's newest source package of Xen that can be had: built, and used in the guest on
# a driver with the commands that it is for and on one without them.

# apt_source NAME VERSION SUITE DIR: that source package's upstream tar into DIR, and
# nothing else of it. The lists of sources have a state of their own, as all other uses
# of apt here would fetch them, too.
apt_source() (
	local known=$APT
	APT=$CACHE/apt-source
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial" "$4"
	sed -n "s/^deb \(.* $3 main\)$/deb-src \1/p" "$known/sources.list" > "$APT/sources.list"
	apt_private apt-get update > "$APT/log" 2>&1 || true
	cd "$4" || exit
	apt_private apt-get source --tar-only --download-only "$1=$2" > "$APT/download.log" 2>&1
)

# fetch_xen_source: prints the folder of tools/ of that Xen, as Debian has it. A mirror
# may lack the sources of its newest packages.
fetch_xen_source() {
	local package version suite dir
	apt_refresh
	while read -r package version suite; do
		dir=$CACHE/src/xen_$version
		if [ ! -e "$dir/.complete" ]; then
			rm -rf "$dir"
			apt_source xen "$version" "$suite" "$dir/tar" || {
				say "no source of xen $version of $suite: $(grep -m1 '^E:' "$CACHE/apt-source/download.log" || true)"
				continue
			}
			tar -C "$dir" --strip-components=1 -xf "$dir"/tar/*.orig.tar.* --wildcards '*/tools/libs/evtchn' '*/tools/include'
			rm -rf "$dir/tar"
			touch "$dir/.complete"
		fi
		say "the source of Xen is $version, of $suite"
		echo "$dir"
		return
	done < <(STALE=1 versions libxen-dev)
	die "no source package of Xen could be fetched" -- "see $CACHE/apt-source/download.log; is there a network?"
}

# build_library TREE OS OUT [FLAG…]: the objects that Makefile.common names for it. Xen's own
# public headers are Debian's, and the private ones those of the tree.
build_library() {
	local tree=$1 os=$2 out=$3 file
	shift 3
	rm -rf "$out" && mkdir -p "$out/include/xen"
	ln -s "$tree/tools/include/xen-sys/$os" "$out/include/xen/sys"
	# NetBSD's kernel has the same one under another name.
	ln -s "$tree/tools/include/xen-sys/NetBSD/evtchn.h" "$out/include/xen/xenio3.h"
	sed -nE "s/^OBJS-(y|\\$\(CONFIG_$os\)) *\+= *//p" "$tree/tools/libs/evtchn/Makefile.common" |
		tr ' ' '\n' > "$out/objects"
	while read -r file; do
		gcc -c -O2 -fPIC -Wall -Wextra -Wno-unused-parameter -Werror -Wmissing-prototypes \
			-Wdeclaration-after-statement -I "$out/include" -I "$tree/tools/include" "$@" \
			-o "$out/$file" "$tree/tools/libs/evtchn/${file%.o}.c"
	done < "$out/objects"
	# Every name of the map is there.
	gcc -shared -Wl,--no-undefined-version -Wl,--version-script="$tree/tools/libs/evtchn/libxenevtchn.map" \
		-o "$out/libxenevtchn.so" "$out"/*.o
	readelf --dyn-syms -W "$out/libxenevtchn.so" | grep -q ' xenevtchn_status@@VERS_1.3$' ||
		failed "no xenevtchn_status of VERS_1.3 for $os"
	echo "built for $os: $(tr '\n' ' ' < "$out/objects")"
}

# library_on new|old OPTION…: the test program in a guest, with these of scripts/run.
library_on() {
	local word=$1
	shift
	"$TOP/scripts/run" "$@" -- "$LOGS/library/library" "$word" > "$LOGS/library/$word" 2> "$LOGS/library/$word.err" ||
		{ cat "$LOGS/library/$word" "$LOGS/library/$word.err"; failed "scripts/run $*"; }
	cat "$LOGS/library/$word"
	[ "$(grep -c '^ok' "$LOGS/library/$word")" = 8 ] || failed "not all of its tests ran"
}

# build_library_test: the patched libraries, and $LOGS/library/library.
build_library_test() {
	local source tree=$LOGS/library/xen patch out=$LOGS/library exclude=()
	need_tools /usr/include/xenevtchn.h libxen-dev
	source=$(fetch_xen_source)
	patch=$(echo "$TOP"/tools/for-xen/0001-*.patch)
	rm -rf "$out" && mkdir -p "$out"
	cp -r "$source" "$tree"
	# Before 4.18 the Makefile has no line of the map.
	! dpkg --compare-versions "${source##*_}" lt 4.18 || exclude=(--exclude='*/Makefile')
	(cd "$tree" && GIT_DIR=/dev/null git apply -v "${exclude[@]}" "$patch") || failed "git apply"
	gcc -x c -ansi -Wall -Werror -S -o /dev/null "$tree/tools/include/xenevtchn.h"
	# What these have long had is not ours.
	build_library "$tree" FreeBSD "$out/FreeBSD" -Wno-sign-compare
	build_library "$tree" NetBSD "$out/NetBSD"
	build_library "$tree" SunOS "$out/SunOS" -std=gnu89 -w
	echo "not built: minios.c, which needs Mini-OS"
	build_library "$tree" Linux "$out/Linux"
	gcc -static -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -Wl,--wrap=read,--wrap=write \
		-I "$tree/tools/include" -o "$out/library" "$TOP/scripts/guest/library.c" \
		"$out"/Linux/*.o -lxentoolcore -lxentoollog -lpthread
}

check_library() {
	build_library_test
	library_on new
	library_on old --stock
}
