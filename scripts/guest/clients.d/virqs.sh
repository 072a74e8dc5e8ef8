# shellcheck shell=dash
CLAIMS="the_store_is_told_that_a_domain_ends xentrace xen_lowmemd"

# VIRQ_DOM_EXC
the_store_is_told_that_a_domain_ends() {
	tiny_config ends
	step 180 xl create -q -e /tmp/ends.cfg
	# Of the two events one is the watch's own.
	timeout 180 xenstore watch -n 2 @releaseDomain > /tmp/watched 2>&1 &
	watcher=$!
	until_true 120 "the watch" grep -q . /tmp/watched
	step 180 xl destroy ends
	ended $watcher 120 "the watch of @releaseDomain"
}

# VIRQ_TBUF, without which it would not look at the buffers before it ends.
xentrace() {
	rm -f /tmp/trace
	/job.d/toolstack/bin/xentrace -D -e all -s 100000000 /tmp/trace &
	pid=$!
	# shellcheck disable=SC2016 # awk's
	until_true 120 "an event for xentrace" \
		awk '/evtchn:xentrace/ { events = $2 + $3 } END { exit !events }' /proc/interrupts
	kill -INT $pid
	ended $pid 120 "the end of xentrace"
	[ -s /tmp/trace ] || fail "no trace"
}

# holds_a_virq PROGRAM: while it runs dom0 has one VIRQ more, and not when it has ended.
holds_a_virq() {
	before=$(lsevtchn 0 | grep -c "Virtual IRQ")
	"$@" > /tmp/holder 2>&1 &
	pid=$!
	# shellcheck disable=SC2016 # the other shell's
	until_true 120 "the VIRQ of $*" sh -c '[ "$(lsevtchn 0 | grep -c "Virtual IRQ")" = "$0" ]' $((before + 1))
	kill $pid
	# shellcheck disable=SC2016 # the other shell's
	until_true 120 "its end" sh -c '[ "$(lsevtchn 0 | grep -c "Virtual IRQ")" = "$0" ]' "$before"
}

# VIRQ_ENOMEM
xen_lowmemd() {
	holds_a_virq /job.d/toolstack/bin/xen-lowmemd
}
