# shellcheck shell=dash
# libxenevtchn, which all of Xen's programs have the device by, and Xen's own look at
# files that are restricted.
CLAIMS="every_function_of_xenevtchn_h a_restricted_file_passes_depriv_fd_checker another_does_not"

every_function_of_xenevtchn_h() {
	step 180 libraries evtchn
}

a_restricted_file_passes_depriv_fd_checker() {
	libraries restricted 1 depriv-fd-checker evtchn 9 restricted > /tmp/checked
	cat /tmp/checked
	grep -q '^evtchn pass 9 ' /tmp/checked
}

another_does_not() {
	libraries stolen "$(cat /run/xen/xenstored.pid)" /dev/xen/evtchn depriv-fd-checker evtchn 9 stolen > /tmp/checked
	cat /tmp/checked
	grep -q '^evtchn fail 9 ' /tmp/checked
}
