# shellcheck shell=dash
CLAIMS="takes_over load_test watches_by_the_thousand transactions a_domU_comes_and_goes"

# With no domU left, one daemon's place is the other's.
takes_over() {
	kill "$(cat /run/xen/xenstored.pid)"
	until_true 10 "the end of xenstored" sh -c '! pidof xenstored'
	printf '%s\n' "xenstored-kva = /proc/xen/xsd_kva" "xenstored-port = /proc/xen/xsd_port" \
		"pid-file = /run/xen/xenstored.pid" > /etc/xen/oxenstored.conf
	step 30 oxenstored
	until_true 30 "oxenstored" xenstore ls /
	step 30 xen-init-dom0
}

load_test() {
	step 120 test-xenstore -t 1
}

watches_by_the_thousand() {
	step 60 libraries watches 2000
}

transactions() {
	step 60 libraries transactions 200
}

a_domU_comes_and_goes() {
	linux_domu last
	in_domu 30 last "libraries evtchn"
	step 60 xl destroy last
}
