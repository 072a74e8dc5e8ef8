# shellcheck shell=dash
# When all domUs are gone dom0 is as it was before the first part.
CLAIMS="no_domU_is_left as_many_ports_as_before as_many_irqs_as_before"

no_domU_is_left() {
	# shellcheck disable=SC2016 # asked again each time
	until_true 120 "the end of all domUs: $(xl list)" sh -c '[ "$(xl list | wc -l)" = 2 ]'
}

as_many_ports_as_before() {
	# shellcheck disable=SC2016 # asked again each time
	until_true 120 "what was: $(cat /tmp/ports); and is: $(lsevtchn 0)" \
		sh -c '[ "$(lsevtchn 0 | wc -l)" = "$(wc -l < /tmp/ports)" ]'
}

as_many_irqs_as_before() {
	# shellcheck disable=SC2016 # asked again each time
	until_true 120 "what was: $(cat /tmp/irqs); and is: $(grep evtchn /proc/interrupts)" \
		sh -c '[ "$(grep -c evtchn /proc/interrupts)" = "$(wc -l < /tmp/irqs)" ]'
}
