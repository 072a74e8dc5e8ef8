# shellcheck shell=dash
CLAIMS="load_test watches_by_the_thousand transactions live_update_keeps_the_bindings serves_after_it"

. ./clients.d/stores

# file_of PID: the number that it has the device's file by, and what the kernel calls
# that file; on the series' driver also which ports it has.
file_of() {
	for fd in /proc/"$1"/fd/*; do
		[ "$(readlink "$fd")" = /dev/xen/evtchn ] || continue
		echo "$fd"
		grep -v evtchn-ring "/proc/$1/fdinfo/${fd##*/}"
	done
}

# exec() in the same process, with the device's file and its bindings.
live_update_keeps_the_bindings() {
	pid=$(cat /run/xen/xenstored.pid)
	before=$(file_of "$pid") ports=$(lsevtchn 0)
	step 180 xenstore-control live-update /job.d/toolstack/bin/xenstored
	after=$(file_of "$pid")
	echo "before: $before; after: $after"
	[ -n "$before" ] || fail "it has not the device"
	[ "$before" = "$after" ] || fail "not the same file"
	[ "$(lsevtchn 0)" = "$ports" ] || fail "before: $ports; after: $(lsevtchn 0)"
}

serves_after_it() {
	step 180 xenstore read /
	step 180 libraries transactions 100
}
