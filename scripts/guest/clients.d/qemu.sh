# shellcheck shell=dash
# QEMU as the back end of a PV domU's second console, and restricted to a domU.
CLAIMS="its_console_carries_what_a_domU_sends restricted_it_passes_depriv_fd_checker"

QEMU=/tmp/qemu

# As Linux 7.3 says when it drops a device: its xenbus reads the state "initialising", the
# device's own thread goes on to the next, and the two are taken for a new backend.
DROPPED="xenbus: state reset occurred"

its_console_carries_what_a_domU_sends() {
	{
		echo "#!/bin/sh"
		echo "dir=/job.d/qemu"
		echo "exec \$dir/lib/ld-linux-x86-64.so.2 --library-path \$dir/lib \$dir/bin/xen-qemu-system-i386 -L \$dir/share \"\$@\""
	} > $QEMU
	chmod +x $QEMU
	for _ in 1 2 3 4 5; do
		linux_domu qemu "device_model_override=\"$QEMU\"
channel=[\"connection=pty,name=first\", \"connection=pty,name=second\"]"
		(lines_come_back) && return
		in_domu 180 qemu "dmesg | grep '$DROPPED'" || fail "and the domU has its device"
		echo "figure: the domU's xenbus has dropped the console: once more"
		step 180 xl destroy qemu
	done
	fail "five domUs have dropped the console"
}

lines_come_back() {
	tty=$(timeout 180 xenstore read "/local/domain/$(timeout 180 xl domid qemu)/device/console/1/tty")
	[ -c "$tty" ] || fail "QEMU has not said where the console is: '$tty'"
	stty -F "$tty" raw -echo
	exec 5<> "$tty"
	# The settings go with the last close, and so one open does for all.
	in_domu 180 qemu "until (: <> /dev/hvc1) 2> /dev/null; do ! dmesg | grep '$DROPPED' || exit 1; sleep 1; done; exec 7<> /dev/hvc1; stty raw -echo <&7; cat <&7 >&7 &" ||
		fail "the domU has no second console"
	# QEMU looks once a second whether somebody has it open, and until then it drops what
	# the domU writes. So dom0 begins, and waits for this line.
	echo @echo >&5
	# shellcheck disable=SC2016 # the other shell's
	timeout 180 sh -c 'while read -r line; do case $line in *@echo*) exit ;; esac; done; false' <&5 ||
		fail "the domU does not answer"
	(seq 200; echo @end) >&5
	timeout 180 head -n 201 <&5 | tr -d "\r" > /tmp/back
	(seq 200; echo @end) | cmp - /tmp/back || fail "$(wc -l < /tmp/back) lines come back, of 201: $(od -c /tmp/back)"
}

restricted_it_passes_depriv_fd_checker() {
	$QEMU -M xenpv -xen-domid "$(timeout 180 xl domid qemu)" -xen-attach -xen-domid-restrict -name restricted \
		-nodefaults -display none -monitor none -serial none -parallel none > /var/log/xen/qemu-restricted.log 2>&1 &
	pid=$!
	cat > /tmp/passes <<-'EOF'
	#!/bin/sh
	libraries stolen $1 /dev/xen/$2 depriv-fd-checker $2 9 stolen | grep "^$2 pass 9 "
	EOF
	chmod +x /tmp/passes
	# It restricts all its files when it has begun.
	until_true 120 "its files to be restricted" /tmp/passes $pid privcmd
	libraries stolen $pid /dev/xen/evtchn true
	case $? in
	0) /tmp/passes $pid evtchn || fail "it has a file of the device that is not restricted" ;;
	3)
		# Newer ones open one only for what they are a back end of.
		[ "$(sed -n '1s/.* version \([0-9]*\)\..*/\1/p' qemu/version)" -gt 8 ] || fail "it has no file of the device"
		echo "figure: this QEMU has no file of the device: privcmd alone was looked at"
		;;
	*) fail "its files cannot be looked at" ;;
	esac
	kill $pid || fail "it has ended"
	step 180 xl destroy qemu
}
