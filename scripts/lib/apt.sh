# shellcheck shell=bash
# Debian's packages of every suite, through an apt state of our own in the cache:
# the system's lists and sources are read, never changed, and nothing fetched
# here is ever installed.

# Another architecture's packages have a state of their own (see arm64_fetch()).
APT=$CACHE/apt APT_ARCH=amd64

# apt_private TOOL ARGUMENT…: apt with that state. It reads a suite of any age:
# expired() decides whether the suite counts, the same on every system.
apt_private() {
	local tool=$1
	shift
	"$tool" -q -oDir::Etc::SourceList="${APT_SOURCES:-$APT/sources.list}" \
		-oDir::Etc::SourceParts=/dev/null -oDir::State::Lists="$APT/lists" \
		-oDir::Cache="$APT/cache" -oDir::Cache::pkgcache=pkgcache.bin \
		-oDir::Cache::srcpkgcache=srcpkgcache.bin -oAPT::Architecture="$APT_ARCH" \
		-oAPT::Architectures="$APT_ARCH" -oAPT::Sandbox::User= \
		-oAcquire::Check-Valid-Until=false -oAcquire::Check-Date=false \
		-oAcquire::Retries=1 -oAcquire::http::Timeout=30 "$@"
}

# codename MIRROR ALIAS: what Debian calls oldstable or stable today. A mirror's
# folders of those names can be older than those of the codenames.
codename() {
	/usr/lib/apt/apt-helper -q -oAPT::Sandbox::User= -oAcquire::Retries=0 \
		download-file "$1/dists/$2/Release" "$APT/release" > "$APT/release.log" 2>&1 || return 1
	sed -n 's/^Codename: \([a-z]*\)$/\1/p' "$APT/release"
}

# write_sources: the system's own Debian archives, rows of $APT/system, and every
# suite of the same mirror that may have a newer kernel, all named in $APT/suites.
# Without a network those of an earlier run stay, and so do the lists of them.
write_sources() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg mirror alias suite
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	{ apt-get --print-uris update 2> /dev/null || true; } |
		sed -nE "s,^'(http.*debian(-security)?)/+dists/([^/]+)/InRelease' .*,\\1 \\3 main,p" |
		sort -u > "$APT/system"
	mirror=${XEN_EVTCHN_MIRROR:-$(awk '$1 ~ /debian\/?$/ { print $1; exit }' "$APT/system")}
	[ -n "$mirror" ] ||
		die "no Debian mirror in this system's apt sources" \
		    -- "set XEN_EVTCHN_MIRROR to the address of one"
	mirror=${mirror%/}
	echo "$mirror" > "$APT/mirror"
	{
		awk '{ print $2 }' "$APT/system"
		for alias in oldstable stable; do
			suite=$(codename "$mirror" $alias || true)
			[ -n "$suite" ] || [ ! -e "$APT/sources.list" ] || return 0
			suite=${suite:-$alias}
			printf '%s\n' "$suite" "$suite-backports"
		done
		printf '%s\n' sid experimental
	} > "$APT/suites.new"
	awk '!seen[$0]++' "$APT/suites.new" > "$APT/suites"
	{
		awk -v key="$key" '{ print "deb [signed-by=" key "]", $1, $2, $3 }' "$APT/system"
		{ grep -vxFf <(awk '{ print $2 }' "$APT/system") "$APT/suites" || true; } |
			sed "s,.*,deb [signed-by=$key] $mirror & main,"
	} > "$APT/sources.list"
}

# valid_until SUITE: when its Release file expires, if it is here and ever does.
valid_until() {
	find "$APT/lists" -name "*_dists_$1_*Release" -exec sed -n 's/^Valid-Until: //p' {} + | tail -n 1
}

# expired SUITE
expired() {
	local end
	end=$(valid_until "$1")
	[ -n "$end" ] && [ "$(date -d "$end" +%s)" -lt "$(date +%s)" ]
}

# suites_left_out: a line for each suite that does not count, or that could not be
# read now, with the reason.
suites_left_out() {
	local suite reason
	while read -r suite; do
		if reason=$(grep -aE '^[EW]: .*(Failed to fetch|does not have a Release|not signed|GPG error)' "$APT/log" |
			grep -am1 "[ /]${suite}[ /]"); then
			echo "not read: $suite: ${reason#?: }"
		elif expired "$suite"; then
			echo "left out: $suite, whose Release file expired on $(date -d "$(valid_until "$suite")" +%F) (--stale reads it)"
		fi
	done < "$APT/suites"
}

# apt_refresh: asks again each time what is newest, unless it was asked in the last
# ten minutes, or since scripts/test was started.
apt_refresh() {
	[ -z "$(find "$APT/fresh" -mmin -10 2> /dev/null)" ] || return 0
	[ -z "${STARTED:-}" ] || [ ! "$APT/fresh" -nt "$STARTED" ] || return 0
	say "asking Debian for the newest packages"
	mkdir -p "$APT"
	write_sources
	apt_private apt-get update > "$APT/log" 2>&1 || true
	compgen -G "$APT/lists/*_Packages*" > /dev/null ||
		die "cannot fetch Debian's package lists: $(grep -m1 -E '^(E|W|Err)' "$APT/log")" \
		    -- "see $APT/log; is there a network?"
	suites_left_out > "$APT/left-out"
	touch "$APT/fresh"
}

# versions REGEX: rows PACKAGE VERSION SUITE of the packages whose whole name
# matches, the newest of each suite, the newest of all first. Suites that have
# expired do not count, unless STALE is set.
versions() {
	local names suite
	names=$(apt_private apt-cache pkgnames "${1%%[0-9\[]*}" 2> /dev/null | grep -xE "$1" || true)
	[ -n "$names" ] || return 0
	# Rows are PACKAGE | VERSION | MIRROR SUITE/COMPONENT ...
	# shellcheck disable=SC2086 # one word for each package
	apt_private apt-cache madison $names 2> /dev/null |
		sed -E 's,^ *([^ ]+) *\| *([^ ]+) *\| *[^ ]+ ([^ /]+)/.*,\1 \2 \3,' |
		sort -k2,2Vr -k3,3 | awk '!seen[$1, $3]++' |
		while read -r names; do
			suite=${names##* }
			[ -z "${STALE:-}" ] && expired "$suite" || echo "$names"
		done
}

# download PACKAGE=VERSION: prints the path of the deb.
download() {
	local dir=$CACHE/download
	mkdir -p "$dir"
	rm -f "$dir/${1%%=*}"_*.deb
	(cd "$dir" && apt_private apt-get download "$1" > "$APT/download.log" 2>&1) || return 1
	find "$dir" -name "${1%%=*}_*.deb"
}

# needed_by SUITE REGEX PACKAGE…: the packages whose whole names match, of all that
# these depend on.
needed_by() {
	local suite=$1 regex=$2
	shift 2
	apt_private apt-cache -t "$suite" depends --recurse --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances "$@" 2> /dev/null |
		grep -xE "$regex" | sort -u
}

# release_of SUITE: from here on apt knows the suites of that release alone, so that
# what belongs together comes together. Experimental builds on sid.
release_of() {
	local release=${1%%-*}
	[ "$release" != experimental ] || release='(experimental|sid)'
	awk -v release="$release" '$4 ~ "^" release "($|-)"' "$APT/sources.list" > "$APT/release.list"
	APT_SOURCES=$APT/release.list
}

# unpack_packages DIR SUITE PACKAGE…: into DIR/root.
unpack_packages() {
	local dir=$1 suite=$2 deb
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir/deb"
	(cd "$dir/deb" && apt_private apt-get -t "$suite" download "$@" > "$APT/download.log" 2>&1) ||
		die "cannot download $1 and what it needs" -- "see $APT/download.log"
	for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/root"; done
	rm -rf "$dir/deb"
}
