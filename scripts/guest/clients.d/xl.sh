# shellcheck shell=dash
# Not migrated: a PV domU's pages are logged by shadow paging, which Debian's Xen is built
# without.
CLAIMS="list create pause_and_unpause save_and_restore destroy a_hundred_tiny_domUs"

list() {
	step 180 xl list
}

create() {
	linux_domu one
	in_domu 180 one "libraries evtchn"
}

state() {
	xl list one | awk 'NR == 2 { print $5 }'
}

pause_and_unpause() {
	step 180 xl pause one
	case $(state) in
	*p*) ;;
	*) fail "one is not paused: $(state)" ;;
	esac
	step 180 xl unpause one
	in_domu 180 one "libraries evtchn"
}

save_and_restore() {
	step 180 xl save one /tmp/saved
	! xl domid one || fail "one is still there"
	step 180 xl restore -e /tmp/saved
	rm -f /tmp/saved
	in_domu 180 one "libraries evtchn"
}

destroy() {
	step 180 xl destroy one
	! xl domid one
}

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
