# shellcheck shell=bash
# Fetches kernels and Xen as Debian packages, through an apt state of our own
# in the cache: the system's lists and sources are read, never changed, and
# nothing fetched here is ever installed.

APT=$CACHE/apt
FRESH_DAYS=7

apt_private() {
	local tool=$1
	shift
	"$tool" -q -oDir::Etc::SourceList="$APT/sources.list" \
		-oDir::Etc::SourceParts=/dev/null -oDir::State::Lists="$APT/lists" \
		-oDir::Cache="$APT/cache" -oAPT::Architecture=amd64 \
		-oAPT::Architectures=amd64 -oAPT::Sandbox::User= "$@"
}

# The system's own Debian archives, then the suites with newer kernels on the
# same mirror.
write_sources() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg mirror suite
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	# shellcheck disable=SC2016 # the format is apt's
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 2> /dev/null |
		awk '$1 ~ /debian(-security)?\/?$/ && $3 == "main"' | sort -u > "$APT/system"
	mirror=${XEN_EVTCHN_MIRROR:-$(awk '$1 ~ /debian\/?$/ { print $1; exit }' "$APT/system")}
	[ -n "$mirror" ] ||
		die "no Debian mirror in this system's apt sources" \
		    -- "set XEN_EVTCHN_MIRROR to the address of one"
	{
		awk -v key="$key" '{ print "deb [signed-by=" key "] " $1, $2, $3 }' "$APT/system"
		for suite in stable sid; do
			echo "deb [signed-by=$key] $mirror $suite main"
		done
	} > "$APT/sources.list"
}

apt_refresh() {
	[ -z "$(find "$APT/fresh" -mmin -10 2> /dev/null)" ] || return 0
	say "asking Debian for the newest kernel and Xen packages"
	write_sources
	apt_private apt-get update > "$APT/log" 2>&1 || true
	compgen -G "$APT/lists/*_Packages*" > /dev/null ||
		die "cannot fetch Debian's package lists: $(grep -m1 -E '^(E|W|Err)' "$APT/log")" \
		    -- "see $APT/log; is there a network?"
	touch "$APT/fresh"
}

# packages REGEX [-r]: package names that match, the lowest version first.
packages() {
	apt_private apt-cache pkgnames "${1%%[0-9\[]*}" 2> /dev/null |
		grep -E "^$1\$" | sort -V ${2+"$2"} || true
}

# download PACKAGE[/SUITE]: prints the path of the deb, or fails.
download() {
	mkdir -p "$CACHE/download"
	(
		cd "$CACHE/download"
		apt_private apt-get download "$1" > "$APT/download.log" 2>&1
	) || return 1
	find "$CACHE/download" -name "${1%/*}_*.deb" -printf '%T@ %p\n' |
		sort -rn | awk 'NR == 1 { print $2 }'
}

# download_first PACKAGE…: prints the path of the first deb that can be had.
download_first() {
	local package deb
	for package in "$@"; do
		deb=$(download "$package") && [ -n "$deb" ] && { echo "$deb"; return; }
		say "cannot download $package: trying the next candidate"
	done
	return 1
}

# is_fresh LINK: it leads somewhere, and was made not long ago.
is_fresh() {
	[ -e "$1/." ] && [ -z "${UPDATE:-}" ] &&
		[ -n "$(find "$1" -maxdepth 0 -mtime -$FRESH_DAYS)" ]
}

# fetch_kernel mainline|lts: makes the link $CACHE/src/WHICH to a pristine tree.
fetch_kernel() {
	local which=$1 link=$CACHE/src/$1 candidates deb dir
	is_fresh "$link" && return 0

	apt_refresh
	case $which in
	mainline) candidates=$(packages 'linux-source-[0-9.]+' -r) ;;
	lts) candidates=linux-source-6.12 ;;
	esac
	say "downloading a kernel (160 MB)"
	# shellcheck disable=SC2086 # one word for each package
	if ! deb=$(download_first $candidates); then
		[ -e "$link/." ] ||
			die "no kernel source to be had for --base $which" \
			    -- "see $APT/download.log; or name a tree: --base DIR"
		say "keeping the $which kernel of an earlier run"
		touch -h "$link"
		return 0
	fi

	dir=$CACHE/src/$(basename "$deb" _all.deb)
	if [ ! -e "$dir/.complete" ]; then
		have_space "$CACHE" 5 "unpacking and building a kernel"
		say "unpacking $(basename "$dir")"
		rm -rf "$dir" "$dir.deb"
		mkdir -p "$dir"
		dpkg -x "$deb" "$dir.deb"
		tar -C "$dir" --strip-components=1 -xf "$dir.deb"/usr/src/linux-source-*.tar.xz
		rm -rf "$dir.deb"
		touch "$dir/.complete"
	fi
	rm -f "$deb"
	ln -sfn "$(basename "$dir")" "$link"
	say "--base $which is $(basename "$dir")"
}

# fetch_xen: makes $CACHE/xen/current/xen, the hypervisor that QEMU boots. The
# package is not installed: that would change the machine's boot loader.
fetch_xen() {
	local link=$CACHE/xen/current deb dir
	is_fresh "$link" && return 0

	apt_refresh
	# shellcheck disable=SC2046 # one word for each package
	if ! deb=$(download_first $(packages 'xen-hypervisor-[0-9.]+-amd64')); then
		[ -e "$link/." ] ||
			die "no Xen package to be had" -- "see $APT/download.log"
		touch -h "$link"
		return 0
	fi
	dir=$CACHE/xen/$(basename "$deb" .deb)
	rm -rf "$dir"
	mkdir -p "$dir"
	dpkg -x "$deb" "$dir/deb"
	gunzip -c "$dir"/deb/boot/xen-*-amd64.gz > "$dir/xen"
	rm -rf "$dir/deb" "$deb"
	ln -sfn "$(basename "$dir")" "$link"
	say "Xen is $(basename "$dir")"
}

# libraries SUITE PACKAGE: the library packages below it, itself among them.
libraries() {
	apt_private apt-cache -t "$1" depends --recurse --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances "$2" 2> /dev/null |
		grep '^lib' | sort -u
}

# fetch_program NAME SUITE PACKAGE…: prints a program of Debian's SUITE, run from
# the cache with the libraries that are in the packages, the C library's too.
fetch_program() {
	local name=$1 suite=$2 dir=$CACHE/tools/$1 deb
	shift 2
	if [ ! -x "$dir/$name" ]; then
		rm -rf "$dir"
		mkdir -p "$dir/deb"
		(cd "$dir/deb" && apt_private apt-get -t "$suite" download "$@" > "$APT/download.log" 2>&1) ||
			die "cannot download $name" -- "see $APT/download.log"
		for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/root"; done
		rm -rf "$dir/deb"
		cat > "$dir/$name" <<-EOF
		#!/bin/sh
		exec $dir/root/usr/lib64/ld-linux-x86-64.so.2 \
			--library-path $dir/root/usr/lib/x86_64-linux-gnu \
			$dir/root/usr/bin/$name "\$@"
		EOF
		chmod +x "$dir/$name"
	fi
	echo "$dir/$name"
}

# fetch_sparse TREE: prints a sparse that reads this kernel's headers: the
# system's, or else Debian's newest.
fetch_sparse() {
	local valid=$1/scripts/checker-valid.sh sparse=sparse
	if [ -e "$valid" ] && [ "$("$valid" sparse 2> /dev/null)" != 1 ]; then
		apt_refresh
		sparse=$(fetch_program sparse sid sparse libc6)
		[ "$("$valid" "$sparse")" = 1 ] ||
			die "no sparse to be had that reads this kernel" -- "mend scripts/lib/fetch.sh"
	fi
	echo "$sparse"
}

# fetch_abidiff: prints one that is new enough for the kernel's check-uapi.sh.
fetch_abidiff() {
	local library packages
	apt_refresh
	library=$(apt_private apt-cache -t stable depends abigail-tools | sed -n 's/.*Depends: \(libabigail\)/\1/p')
	mapfile -t packages < <(libraries stable "$library")
	fetch_program abidiff stable abigail-tools "${packages[@]}"
}
