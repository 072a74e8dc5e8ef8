# shellcheck shell=dash
CLAIMS="takes_over load_test watches_by_the_thousand transactions a_domU_comes_and_goes"

. ./clients.d/stores

# With no domU left, one daemon's place is the other's.
takes_over() {
	kill "$(cat /run/xen/xenstored.pid)"
	until_true 120 "the end of xenstored" sh -c '! pidof xenstored'
	# Its connection has ended, too.
	kill "$(cat /run/xen/xenconsoled.pid)"
	until_true 120 "the end of xenconsoled" sh -c '! pidof xenconsoled'
	printf '%s\n' "xenstored-kva = /proc/xen/xsd_kva" "xenstored-port = /proc/xen/xsd_port" \
		"pid-file = /run/xen/xenstored.pid" > /etc/xen/oxenstored.conf
	start_daemons oxenstored
}

a_domU_comes_and_goes() {
	linux_domu last
	in_domu 180 last "libraries evtchn" || fail "the domU's"
	step 180 xl destroy last
}
