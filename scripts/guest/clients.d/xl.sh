# shellcheck shell=dash
CLAIMS="list create pause_and_unpause save_and_restore migrate_to_this_host destroy a_hundred_tiny_domUs"

list() {
	step 30 xl list
}

create() {
	linux_domu one
	in_domu 30 one "libraries evtchn"
}

state() {
	xl list one | awk 'NR == 2 { print $5 }'
}

pause_and_unpause() {
	step 30 xl pause one
	case $(state) in
	*p*) ;;
	*) fail "one is not paused: $(state)" ;;
	esac
	step 30 xl unpause one
	in_domu 30 one "libraries evtchn"
}

save_and_restore() {
	step 120 xl save one /tmp/saved
	! xl domid one || fail "one is still there"
	step 120 xl restore -e /tmp/saved
	rm -f /tmp/saved
	in_domu 60 one "libraries evtchn"
}

migrate_to_this_host() {
	before=$(xl domid one)
	step 120 xl migrate -s '' one 'xl migrate-receive -e'
	[ "$(xl domid one)" != "$before" ] || fail "one has the same number as before"
	in_domu 60 one "libraries evtchn"
}

destroy() {
	step 60 xl destroy one
	! xl domid one
}

a_hundred_tiny_domUs() {
	tiny_config tiny
	ports=$(lsevtchn 0 | wc -l) irqs=$(grep -c evtchn /proc/interrupts)
	round=0
	while [ $round -lt 100 ]; do
		step 60 xl create -q -e /tmp/tiny.cfg
		step 60 xl destroy tiny
		round=$((round + 1))
	done
	[ "$(lsevtchn 0 | wc -l)" = "$ports" ] || fail "dom0 had $ports ports, and has: $(lsevtchn 0)"
	[ "$(grep -c evtchn /proc/interrupts)" = "$irqs" ] || fail "dom0 had $irqs irqs, and has: $(cat /proc/interrupts)"
}
