# shellcheck shell=dash
# When all domUs are gone dom0 is as it was before the first part.
CLAIMS="no_domU_is_left as_many_ports_as_before as_many_irqs_as_before"

no_domU_is_left() {
	# shellcheck disable=SC2016 # asked again each time
	until_true 120 "the end of all domUs: $(xl list)" sh -c '[ "$(xl list | wc -l)" = 2 ]'
}

as_many_ports_as_before() {
	lsevtchn 0 > /tmp/ports.now
	[ "$(wc -l < /tmp/ports)" = "$(wc -l < /tmp/ports.now)" ] ||
		fail "before: $(cat /tmp/ports); now: $(cat /tmp/ports.now)"
}

as_many_irqs_as_before() {
	grep evtchn /proc/interrupts > /tmp/irqs.now
	[ "$(wc -l < /tmp/irqs)" = "$(wc -l < /tmp/irqs.now)" ] ||
		fail "before: $(cat /tmp/irqs); now: $(cat /tmp/irqs.now)"
}
