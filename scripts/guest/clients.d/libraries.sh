# shellcheck shell=dash
# libxenevtchn, linked as any program of Debian's links it.
CLAIMS="every_function_of_xenevtchn_h depriv_fd_checker"

every_function_of_xenevtchn_h() {
	step 30 libraries evtchn
}

depriv_fd_checker() {
	depriv-fd-checker 2>&1 | head -5
	false
}
