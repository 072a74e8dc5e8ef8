# shellcheck shell=bash
# README's first command on other releases of Debian than this machine's: each in a
# folder of its own, from nothing.

# on_host DIR COMMAND…: in that Debian, with mounts that end with it.
on_host() {
	# shellcheck disable=SC2016 # expanded there
	unshare --mount --propagation private sh -ec '
		dir=$1
		shift
		mount -t proc proc "$dir/proc"
		mount --rbind /sys "$dir/sys"
		mount --rbind /dev "$dir/dev"
		mount -t tmpfs tmp "$dir/tmp"
		exec chroot "$dir" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
			http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
			XEN_EVTCHN_MIRROR="${XEN_EVTCHN_MIRROR:-}" STALE="${STALE:-}" "$@"' sh "$@"
}

# host SUITE: a clone of the last commit in a Debian that has git and no more.
host() {
	local suite=$1 dir=$CACHE/host/$1 log=$LOGS/host-$1 status=0 began=$SECONDS
	[ -z "$(git -C "$TOP" status --porcelain)" ] || echo "what is not committed is not tried"
	have_space "$CACHE" 12 "a Debian of its own, with a kernel built in it"
	rm -rf --one-file-system "$dir"
	debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$dir" \
		"$(cat "$APT/mirror")" > "$log.debootstrap" 2>&1 ||
		{ tail -3 "$log.debootstrap"; failed "debootstrap of $suite"; }
	[ -z "${STALE:-}" ] || echo 'Acquire::Check-Valid-Until "false";' > "$dir/etc/apt/apt.conf.d/stale"
	git clone -q "$TOP" "$dir/root/evtchn"
	on_host "$dir" /root/evtchn/scripts/run > "$log.out" 2> "$log.err" < /dev/null || status=$?
	on_host "$dir" grep -h PRETTY_NAME /etc/os-release || true
	on_host "$dir" dpkg-query -W apt gcc make qemu-system-x86 || true
	grep -h -e ' is linux-source' -e ' is xen-hyp' "$log.err" || true
	tail -1 "$log.out"
	[ $status = 0 ] || { tail -15 "$log.err"; failed "scripts/run on $suite: status $status; $dir is kept for inspection"; }
	rm -rf --one-file-system "$dir"
	echo "$suite: from nothing in $((SECONDS - began)) s"
}

check_hosts() {
	local alias suite here tried=0
	need_tools debootstrap debootstrap unshare util-linux
	apt_refresh
	# shellcheck disable=SC1091
	here=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	for alias in oldstable stable sid; do
		suite=$(codename "$(cat "$APT/mirror")" $alias) || failed "the mirror has no $alias"
		[ "$suite" != "$here" ] || continue
		if [ -z "${STALE:-}" ] && expired "$suite"; then
			grep "^left out: $suite," "$APT/left-out"
			continue
		fi
		tried=$((tried + 1))
		host "$suite"
	done
	[ $tried -gt 0 ] || failed "no other release could be tried"
}
