# shellcheck shell=bash
# Shared by every script here: words, the cache, and the packages needed.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XEN_EVTCHN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xen-evtchn}
JOBS=$(nproc)
export CCACHE_DIR=$CACHE/ccache CCACHE_MAXSIZE=4G

# Exit status if the tests could not be run; 1 means that a test failed.
EXIT_CANNOT=125

# say WORDS…: progress, on standard error with the time since the start.
say() {
	printf '[%3ds] %s\n' "$SECONDS" "$*" >&2
}

# die WORDS… [-- NEXT STEP…]: one clear line, and what to do about it.
die() {
	local words=() next=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do words+=("$1"); shift; done
	[ $# -gt 0 ] && { shift; next=("$@"); }
	printf '%s: %s\n' "${0##*/}" "${words[*]}" >&2
	[ ${#next[@]} -gt 0 ] && printf '  next: %s\n' "${next[*]}" >&2
	exit "$EXIT_CANNOT"
}

# have_space DIR GIGABYTES WHAT-FOR
have_space() {
	local free
	mkdir -p "$1"
	free=$(df --output=avail -k "$1" | tail -1)
	[ "$free" -ge $(($2 * 1024 * 1024)) ] ||
		die "$3 needs $2 GB of disk, $1 has $((free / 1024 / 1024)) GB" \
		    -- "free some, or set XEN_EVTCHN_CACHE to a folder elsewhere"
}

# lock_cache: one script at a time builds; the others wait and say so.
lock_cache() {
	mkdir -p "$CACHE" 2> /dev/null ||
		die "cannot create the cache $CACHE" -- "set XEN_EVTCHN_CACHE to a folder that can be written"
	exec 9<> "$CACHE/lock"
	flock -n 9 || { say "waiting for another run to finish building: $(cat "$CACHE/lock")"; flock 9; }
	echo "${0##*/} of $TOP, process $$, since $(date +%H:%M)" > "$CACHE/lock"
}

unlock_cache() {
	exec 9>&-
}

# A tool or a file, and the Debian package that has it.
TOOLS="
gcc gcc
make make
git git
flex flex
bison bison
bc bc
perl perl
python3 python3
xz xz-utils
ccache ccache
readelf binutils
rsync rsync
flock util-linux
qemu-system-x86_64 qemu-system-x86
/bin/busybox busybox-static
/usr/share/doc/gcc-multilib gcc-multilib
/usr/include/libelf.h libelf-dev
/usr/include/openssl/opensslv.h libssl-dev
/usr/include/stdio.h libc6-dev
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
"

# need_tools [TOOL PACKAGE…]: installs what is missing if root, else says how.
need_tools() {
	local tool package missing=()
	while read -r tool package; do
		[ -n "$tool" ] || continue
		case $tool in
		/bin/busybox) is_static /bin/busybox ;;
		/*) [ -e "$tool" ] ;;
		*) command -v "$tool" > /dev/null ;;
		esac || missing+=("$package")
	done <<< "$TOOLS$(printf '%s %s\n' "$@")"
	[ ${#missing[@]} -gt 0 ] || return 0

	command -v apt-get > /dev/null ||
		die "missing: ${missing[*]} (names of Debian packages), and no apt-get" \
		    -- "install them by other means, or use a Debian machine"
	local install=(apt-get install -y --no-install-recommends "${missing[@]}")
	[ "$(id -u)" = 0 ] ||
		die "missing packages: ${missing[*]}" -- "sudo ${install[*]}"
	say "installing ${missing[*]}"
	mkdir -p "$CACHE"
	(
		flock 7
		exec > "$CACHE/install.log" 2>&1
		apt-get update 7>&- && DEBIAN_FRONTEND=noninteractive "${install[@]}" 7>&-
	) 7> "$CACHE/install.lock" ||
		die "cannot install ${missing[*]}: $(grep -m1 '^E:' "$CACHE/install.log")" \
		    -- "see $CACHE/install.log; is there a network?"
}

# has_kvm: whether KVM works. That /dev/kvm exists is not enough.
has_kvm() {
	grep -qwE '^flags.*(vmx|svm)' /proc/cpuinfo && [ -w /dev/kvm ]
}

# is_static FILE: whether an ELF file needs no loader.
is_static() {
	[ -e "$1" ] && command -v readelf > /dev/null && ! readelf -lW "$1" 2> /dev/null | grep -q INTERP
}

# logged LOG WHAT COMMAND…: output to LOG, progress from its lines; dies with
# the first errors.
logged() {
	local log=$1 what=$2
	shift 2
	mkdir -p "${log%/*}"
	printf '+ %s\n' "$*" > "$log"
	if "$@" 2>&1 < /dev/null | tee -a "$log" |
		awk -v what="$what" 'NR % 400 == 0 { printf "       %s: %d lines of output so far\n", what, NR > "/dev/stderr" }'
	then
		return 0
	fi
	# Paths as they are here, not in the tree that the series was applied to.
	{ grep -m5 -E '(error|Error|ERROR|fatal)' "$log" || tail -5 "$log"; } |
		sed "s,$CACHE/tree/[^/]*/,," >&2
	die "$what failed" -- "see $log"
}
