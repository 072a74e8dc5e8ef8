# shellcheck shell=bash
# Boots the guest in QEMU and tells how it ended. What the guest prints is all
# that counts: QEMU's exit status is 0 also when the guest panicked.
#
# A run's folder has: console (Xen's and the kernel's words), out and err (the
# job's), reports (init's), qemu (QEMU's own words), guest.gz (initramfs), and of
# a coverage kernel gcov.tar (counts of lines).

# Set by scripts/run from its options.
: "${SMP:=2}" "${DOM0:=pv}" "${MEMORY:=1024}" "${FIFO:=1}" "${ICOUNT:=}" "${SHELL_GUEST:=}" "${TIMEOUT:=600}"

# Any of these on the console, and waiting is of no use.
CRASH='Triple fault|Kernel panic - not syncing|Domain 0 crashed|Hardware Dom0 (crashed|halted)|Panic on CPU|FATAL TRAP'
# Any of these after the job started is a failure, whatever the job says.
SPLAT='WARNING: |BUG: |kernel BUG|Oops: |Call Trace:|general protection|UBSAN: |KASAN: |KCSAN: '

# The fastest way that this CPU has, whether or not /dev/kvm exists.
accelerator() {
	if [ -n "$ICOUNT" ]; then
		echo "-accel tcg,thread=single -icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm"
	elif has_kvm; then
		echo "-accel kvm"
	else
		echo "-accel tcg,thread=multi"
	fi
}

# QEMU's arguments in the array qemu_args. Three features of TCG's CPU are left
# out, each for a crash that is neither Xen's nor Linux's: smap before QEMU 11, of
# which a PV dom0 dies in Xen's create_bounce_frame; xsave, the state of which gets
# corrupted now and then, so that vector registers change under a program
# (broken heaps, invalid opcodes, XRSTOR #GP, triple faults); and for PVH rdtscp,
# which Xen cannot emulate there.
x86_arguments() {
	local kernel=$1 run=$2 accel cpu xen linux
	read -ra accel <<< "$(accelerator)"
	case ${accel[*]} in
	*kvm*) cpu=host ;;
	*) cpu=max,-xsave$([ "${QEMU_VERSION%%.*}" -ge 11 ] || echo ,-smap) ;;
	esac
	xen="console=com1 dom0_mem=$((MEMORY / 2))M loglvl=all noreboot=1${XEN_APPEND:+ $XEN_APPEND}"
	linux="console=hvc0 panic=-1 loglevel=8 kunit.enable=1 kunit.autorun=1 xen.fifo_events=$FIFO${APPEND:+ $APPEND}"
	qemu_args=(-nodefaults -display none -no-reboot -m "$MEMORY" -smp "$SMP" "${accel[@]}")
	if [ "$DOM0" = pvh ]; then
		[ "$cpu" = host ] || cpu+=,-rdtscp
		xen+=" dom0=pvh"
		qemu_args+=(-M q35 -device amd-iommu)
	fi
	if [ -n "$SHELL_GUEST" ]; then
		linux+=" evtchn.shell"
		qemu_args+=(-serial mon:stdio)
	else
		# shellcheck disable=SC2054 # QEMU's commas
		qemu_args+=(-monitor none -serial "file:$run/console"
			-chardev "file,id=out,path=$run/out.fifo"
			-device isa-debugcon,iobase=0x310,chardev=out
			-chardev "file,id=reports,path=$run/reports"
			-device isa-debugcon,iobase=0x311,chardev=reports
			-chardev "file,id=err,path=$run/err.fifo"
			-device isa-debugcon,iobase=0x312,chardev=err
			-chardev "file,id=gcov,path=$run/gcov.tar"
			-device isa-debugcon,iobase=0x313,chardev=gcov)
	fi
	qemu_args+=(-cpu "$cpu" -kernel "$XEN/xen" -append "$xen"
		-initrd "$kernel ${linux//,/,,},$run/guest.gz")
}

# What the console said last, from the first sign of trouble on.
last_words() {
	local run=$1
	printf '%s\n' "--- the guest's last words ($run/console):" >&2
	tr -d '\r' < "$run/console" | awk -v trouble="$CRASH|$SPLAT" '
		{ line[NR] = $0 }
		!first && /guest: job starts/ { started = NR }
		!first && $0 ~ trouble && (started || /panic|crashed/) { first = NR }
		END {
			from = first ? first - 2 : NR - 15
			if (from < 1) from = 1
			for (i = from; i <= NR && i < from + 45; i++) print "    " line[i]
		}' >&2
}

# Every two seconds the guest's init says that it lives, however little there is to
# do. When neither it nor the console has said a word for so many seconds, the guest
# hangs, or the machine under it stands still.
SILENT_AFTER=60

# is_silent RUN: called once a second, and counts its calls, as the host's clock may
# jump. Keeps said and quiet, which are its caller's. Two seconds of the instruction
# clock take as long as the host needs for them: there nothing is told from silence.
is_silent() {
	local size
	[ -z "$ICOUNT" ] || return 1
	size=$(stat -c %s "$1/reports" "$1/console")
	quiet=$((quiet + 1))
	[ "$size" = "$said" ] || said=$size quiet=0
	[ "$quiet" -ge $SILENT_AFTER ]
}

# cpu_ms PID: CPU time of all threads.
cpu_ms() {
	cat /proc/"$1"/task/*/schedstat 2> /dev/null | awk '{ ns += $1 } END { printf "%d\n", ns / 1e6 }'
}

# stands_still PID: whether QEMU, of a guest that is silent, runs nothing at all. One
# that waits takes 40 ms in this time, and one that hangs in a loop all of it.
stands_still() {
	local before
	before=$(cpu_ms "$1")
	sleep 3
	[ $(($(cpu_ms "$1") - before)) -lt 10 ]
}

# run_guest KERNEL RUN [OUTPUT]: boots; the job's output goes to standard
# output and RUN/out as it comes. Sets OUTCOME to "exit N", crashed, hung,
# silent, stopped, died, nodevice or nomodule.
run_guest() {
	local kernel=$1 run=$2 qemu started=$SECONDS out_pid err_pid turn=0 said='' quiet=0
	"${MACHINE}_arguments" "$kernel" "$run"
	printf '%q ' "$QEMU" "${qemu_args[@]}" > "$run/command"

	if [ -n "$SHELL_GUEST" ]; then
		say "Ctrl-A X ends QEMU at once"
		"$QEMU" "${qemu_args[@]}" || die "QEMU failed" -- "see above"
		OUTCOME="exit 0"
		return
	fi

	mkfifo "$run/out.fifo" "$run/err.fifo"
	tee "$run/out" < "$run/out.fifo" & out_pid=$!
	tee "$run/err" < "$run/err.fifo" >&2 & err_pid=$!
	: > "$run/console"
	: > "$run/reports"
	"$QEMU" "${qemu_args[@]}" > "$run/qemu" 2>&1 < /dev/null &
	qemu=$!
	# shellcheck disable=SC2064 # this run's process
	trap "kill -9 $qemu $out_pid $err_pid 2> /dev/null" EXIT

	OUTCOME=
	while kill -0 "$qemu" 2> /dev/null; do
		if grep -qE "$CRASH" "$run/console"; then
			sleep 1 # the rest of its words
			OUTCOME=crashed
		elif [ $((SECONDS - started)) -ge "$TIMEOUT" ]; then
			OUTCOME=hung
		elif [ $((++turn % 5)) = 0 ] && is_silent "$run"; then
			OUTCOME=silent
			! stands_still "$qemu" || OUTCOME=stopped
		fi
		[ -z "$OUTCOME" ] || { kill -9 "$qemu" 2> /dev/null || true; break; }
		sleep 0.2
	done
	wait "$qemu" 2> /dev/null || true
	# Where QEMU did not come to open them.
	: <> "$run/out.fifo" <> "$run/err.fifo"
	wait "$out_pid" "$err_pid" 2> /dev/null || true
	trap - EXIT
	rm -f "$run/out.fifo" "$run/err.fifo"
	[ -s "$run/gcov.tar" ] || rm -f "$run/gcov.tar"
	[ -n "$OUTCOME" ] || OUTCOME=$(outcome_of "$run")
}

outcome_of() {
	local status
	if grep -q '^nomodule' "$1/reports"; then
		echo nomodule
	elif grep -q '^nodevice' "$1/reports"; then
		echo nodevice
	elif status=$(sed -n 's/^exit \([0-9]*\)$/\1/p' "$1/reports") && [ -n "$status" ]; then
		echo "exit $status"
	elif grep -qE "$CRASH" "$1/console"; then
		echo crashed
	else
		echo died
	fi
}

# explain_outcome RUN: the line and next step for an OUTCOME that is no exit.
explain_outcome() {
	case $OUTCOME in
	crashed) last_words "$1"; echo "the guest crashed" ;;
	hung) last_words "$1"; echo "the guest hung: no end after $TIMEOUT s (--timeout)" ;;
	nomodule) last_words "$1"; echo "the driver could not be loaded" ;;
	"domain "*) last_words "$1"; echo "$OUTCOME did not end" ;;
	nodevice) last_words "$1"; echo "the guest has no /dev/xen/evtchn" ;;
	silent)
		last_words "$1"
		echo "the guest fell silent: no sign of life from its init for $SILENT_AFTER s, though its machine runs"
		;;
	stopped)
		last_words "$1"
		echo "the guest fell silent for $SILENT_AFTER s: the machine stands still, QEMU runs nothing, not even Xen's clock"
		;;
	died)
		last_words "$1"
		echo "QEMU ended before the job reported anything: $(head -c 300 "$1/qemu")"
		;;
	esac
}
