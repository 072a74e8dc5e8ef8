# shellcheck shell=dash
# When all domUs are gone dom0 is as it was before the first part.
CLAIMS="no_domU_is_left as_many_ports_as_before as_many_irqs_as_before"

no_domU_is_left() {
	# shellcheck disable=SC2016 # asked again each time
	until_true 120 "the end of all domUs: $(timeout 180 xl list)" sh -c '[ "$(xl list | wc -l)" = 2 ]'
}
