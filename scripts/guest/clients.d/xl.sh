# shellcheck shell=dash
# Not migrated: a PV domU's pages are logged by shadow paging, which Debian's Xen is built
# without.
CLAIMS="list create pause_and_unpause save_and_restore destroy"

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
