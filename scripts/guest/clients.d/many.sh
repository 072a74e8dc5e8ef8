# shellcheck shell=dash
CLAIMS="a_hundred_tiny_domUs"

# fifty NAME: one after the other.
fifty() {
	tiny_config "$1"
	round=0
	while [ $round -lt 50 ]; do
		step 180 xl create -q -e "/tmp/$1.cfg"
		step 180 xl destroy "$1"
		round=$((round + 1))
	done
}

# Two at a time.
a_hundred_tiny_domUs() {
	as_many_ports_as_before
	as_many_irqs_as_before
	(fifty first) &
	first=$!
	(fifty second) || fail "the second fifty"
	wait $first || fail "the first fifty"
	as_many_ports_as_before
	as_many_irqs_as_before
}
