# shellcheck shell=bash
# Kernels and Xen from Debian's packages, in the cache.

. "$TOP/scripts/lib/apt.sh"

# What the series changes is not the same in older kernels.
OLDEST_BASE=6.12

# too_old VERSION
too_old() {
	dpkg --compare-versions "$1" lt "$OLDEST_BASE"
}

# kernels [WHICH]: rows PACKAGE VERSION SUITE of the kernel sources, the newest
# first: all, those of a series (7.2), or one version (7.2.13).
kernels() {
	# Linux says 7.4.0-rc1 or 7.4-rc1, and Debian 7.4~rc1.
	versions 'linux-source-[0-9.]+' | awk -v which="$(sed -E 's/(\.0)?-rc/~rc/' <<< "${1:-newest}")" '
		which == "newest" || $1 == "linux-source-" which || index($2 "-", which "-") == 1'
}

# not_counted: the suites that were left out or not read, for the end of a line. One
# of them may have what is newer.
not_counted() {
	sed -e "${STALE:+/^left out/d;}s/^/; /" "$APT/left-out" | tr -d '\n'
}

# fetch_kernel WHICH: makes the link $CACHE/src/WHICH to a pristine tree.
fetch_kernel() {
	local which=$1 link=$CACHE/src/$1 rows package version suite dir deb
	apt_refresh
	rows=$(kernels "$which")
	[ -n "$rows" ] ||
		die "no suite of Debian has a kernel $which$(not_counted)" \
		    -- "give --base newest, DIR, or one of: $(kernels | awk '{ sub(/.*-/, "", $1); print $1 }' | sort -uV | tr '\n' ' ')"
	while read -r package version suite; do
		! too_old "$version" ||
			die "$version is older than $OLDEST_BASE, and the series is not made for it" -- "--base $OLDEST_BASE"
		dir=$CACHE/src/${package}_$version
		if [ ! -e "$dir/.complete" ]; then
			have_space "$CACHE" 5 "unpacking and building a kernel"
			say "downloading $package $version (160 MB)"
			deb=$(download "$package=$version" < /dev/null) || {
				say "cannot download it: $(grep -m1 '^E:' "$APT/download.log"); trying the next candidate"
				continue
			}
			unpack_kernel "$deb" "$dir"
			rm -f "$deb"
		fi
		ln -sfn "${dir##*/}" "$link"
		say "--base $which is $package $version, of $suite$(not_counted)"
		return 0
	done <<< "$rows"
	die "no kernel source could be fetched for --base $which" \
	    -- "see $APT/download.log; or name a tree: --base DIR"
}

# unpack_kernel DEB DIR [FILE…]: all of the kernel, or the files alone.
unpack_kernel() {
	local deb=$1 dir=$2
	shift 2
	say "unpacking ${dir##*/}"
	rm -rf "$dir"
	mkdir -p "$dir"
	{
		dpkg --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
			tar -C "$dir" --strip-components=1 -xJ --wildcards --no-wildcards-match-slash \
				"${@/#/*\/}" || true
	} 2> "$APT/unpack.log"
	# That a kernel has not one of the FILEs is no fault.
	! grep -vE 'Not found in archive|Exiting with failure status due to previous' "$APT/unpack.log" > "$APT/unpack.faults" ||
		die "cannot unpack $deb: $(sed -n 1p "$APT/unpack.faults")" -- "remove it and try again"
	[ -e "$dir/Makefile" ] || die "there is no kernel in $deb" -- "remove it and try again"
	touch "$dir/.complete"
}

# kernel_files PACKAGE VERSION FILE…: prints a folder that has these files of the
# kernel, as far as it has them, and perhaps no others.
kernel_files() {
	local package=$1 version=$2 dir=$CACHE/src/$1_$2 deb
	shift 2
	if [ ! -e "$dir/.complete" ]; then
		dir=$CACHE/part/${package}_$version
		if [ "$(cat "$dir/.files" 2> /dev/null)" != "$*" ]; then
			deb=$(download "$package=$version") ||
				die "cannot download $package $version" -- "see $APT/download.log"
			unpack_kernel "$deb" "$dir" "$@"
			echo "$*" > "$dir/.files"
			rm -f "$deb"
		fi
	fi
	echo "$dir"
}

# xen_version: of XEN, as in 4.20.
xen_version() {
	local name=${XEN##*/xen-hypervisor-}
	echo "${name%%-*}"
}

# fetch_xen WHICH: sets XEN to the folder of the hypervisor that QEMU boots: the
# system's own, a version such as 4.20, or the newest. The package is not
# installed: that would change the machine's boot loader.
fetch_xen() {
	local which=$1 rows row package version suite deb file
	apt_refresh
	rows=$(versions "xen-hypervisor-[0-9.]+-$APT_ARCH")
	case $which in
	newest) row=${rows%%$'\n'*} ;;
	system)
		row=$(awk -v here="$(awk '{ print $2 }' "$APT/system" | tr '\n' ' ')" \
			'!done && index(" " here, " " $3 " ") { print; done = 1 }' <<< "$rows")
		[ -n "$row" ] || row=${rows%%$'\n'*}
		;;
	*) row=$(grep -m1 "^xen-hypervisor-${which//./\\.}-$APT_ARCH " <<< "$rows" || true) ;;
	esac
	[ -n "$row" ] ||
		die "no suite of Debian has Xen $which" \
		    -- "give --xen system, newest or one of: $(awk -F- '{ print $3 }' <<< "$rows" | sort -uV | tr '\n' ' ')"
	read -r package version suite <<< "$row"
	XEN=$CACHE/xen/${package}_$version
	say "--xen $which is $package $version, of $suite"
	[ ! -e "$XEN/xen" ] || [ ! -e "$XEN/suite" ] || return 0
	deb=$(download "$package=$version") ||
		die "cannot download $package $version of $suite" -- "see $APT/download.log"
	rm -rf "$XEN"
	mkdir -p "$XEN"
	dpkg -x "$deb" "$XEN/deb"
	echo "$suite" > "$XEN/suite"
	# x86's is compressed, and arm64's is not.
	file=$(compgen -G "$XEN/deb/boot/xen-*-$APT_ARCH.gz" || compgen -G "$XEN/deb/boot/xen-*-$APT_ARCH") ||
		die "there is no hypervisor in $deb" -- "fix fetch_xen() in scripts/lib/fetch.sh"
	gzip -dcf "$file" > "$XEN/xen.new"
	mv "$XEN/xen.new" "$XEN/xen"
	rm -rf "$XEN/deb" "$deb"
}
