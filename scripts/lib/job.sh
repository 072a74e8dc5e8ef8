# shellcheck shell=bash
# What a run wants of the guest, and does in it: the selftests, KUnit's tests, a
# save and restore, or a program of the user's.

# kernel_options: what the kernel that --kernel names needs of the guest.
kernel_options() {
	case $KERNEL in
	plain | kcsan | coverage) ;;
	lockdep) MEMORY=1536 ;;
	rt)
		[ "$DOM0" = pvh ] || usage_error "--kernel rt wants --pvh: as PV it hangs while it boots, before there is a driver"
		MEMORY=1536
		;;
	debug)
		# KASAN starts too late for a PV kernel; two vCPUs add nothing but QEMU's
		# triple faults (see scripts/test).
		DOM0=pvh SMP=1 MEMORY=2048
		;;
	*) usage_error "no such kernel: $KERNEL" ;;
	esac
}

# quoted WORD: for the guest's shell.
quoted() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

# chosen_programs FOLDER: those to run, one a line: what the kselftest list has, and
# then those that are not for a domain that has work to do, which this one has not.
# What the guest cannot do is left out, and runs only if it is named: hibernation
# ends it, failures on demand want their kernel, and irqs move with two CPUs only.
chosen_programs() {
	local all only out=hibernate
	all=$({ sed -n 's/^xen://p' "$1/kselftest-list.txt"; cd "$1/xen" && ls evtchn_*_test; } |
		grep -v restore | awk '!seen[$0]++')
	if [ ${#ONLY[@]} -gt 0 ]; then
		for only in "${ONLY[@]}"; do
			grep -qx "${only%%:*}" <<< "$all" ||
				die "there is no selftest ${only%%:*}" -- "one of: ${all//$'\n'/ }"
			echo "$only"
		done
		return
	fi
	if [ "$KERNEL" != debug ]; then
		say "evtchn_fail_test is left out: --kernel debug has it"
		out+='|fail'
	fi
	if [ -z "$BUILTIN" ]; then
		say "evtchn_trace_test is left out: --builtin has it"
		out+='|trace'
	fi
	if [ "$MACHINE" = arm64 ]; then
		say "32-bit programs and evtchn_move_test are left out: the former are built for x86 alone, and a test of the latter takes CPUs offline, which this kernel cannot do"
		out+='|move'
	elif [ "$SMP" = 1 ]; then
		say "evtchn_move_test is left out: it wants --smp 2"
		out+='|move'
	fi
	grep -vE "_($out)_" <<< "$all"
}

# check_job: dies if the guest cannot run the user's program.
check_job() {
	local file
	[ -f "${JOB[0]}" ] || die "there is no program ${JOB[0]}" -- "name a file after --"
	[ -x "${JOB[0]}" ] || die "${JOB[0]} is not executable" -- "chmod +x ${JOB[0]}"
	for file in "${WITH[@]}"; do
		[ -f "$file" ] || die "there is no file $file" -- "name a file after --with"
	done
	need_tools
	[ "$(head -c2 "${JOB[0]}" | tr -d '\0')" = '#!' ] || is_static "${JOB[0]}" ||
		die "${JOB[0]} is not static, and the guest has no libraries" -- "link it with -static"
}

# prepare_job RUN: writes RUN/job, the guest's script; sets folder to what goes
# with it.
prepare_job() {
	local run=$1 arg
	if [ ${#JOB[@]} -gt 0 ]; then
		folder=$run/files
		mkdir "$folder"
		cp "${JOB[0]}" "${WITH[@]}" "$folder/"
		{
			printf '#!/bin/sh\ncd /job.d && exec'
			printf ' %s' "$(quoted "./${JOB[0]##*/}")"
			for arg in "${JOB[@]:1}"; do printf ' %s' "$(quoted "$arg")"; done
			echo
		} > "$run/job"
	elif [ -n "$KUNIT" ]; then
		folder=$run/files
		mkdir "$folder"
		cp "$out/drivers/xen/xen-evtchn-kunit.ko" "$folder/"
		cp "$out"/lib/kunit/kunit.ko "$folder/" 2> /dev/null || true # or built in
		cp "$TOP/scripts/guest/kunit" "$run/job"
	elif [ -n "$DOM0LESS" ]; then
		folder=$run/files
		dom0less_job "$run" "$patched"
	elif [ -n "$RESTORE" ]; then
		folder=$run/files
		build_selftests "$patched" "$out"
		restore_folder "$folder" "$out" "$module"
		cp "$TOP/scripts/guest/restore" "$run/job"
	elif [ -n "$BUSY" ]; then
		folder=$run/files
		build_selftests "$patched" "$out"
		mkdir -p "$folder"
		cp -r "$out.kselftest/xen" "$TOP/scripts/guest/selftests" "$folder/"
		# evtchn_trace_test needs a kernel that --builtin builds.
		sed 's/^xen://' "$out.kselftest/kselftest-list.txt" | grep -v _trace_ > "$folder/only"
		domu_kernel "$folder" "$out"
		cp "$TOP/scripts/guest/busy" "$run/job"
	elif [ -n "$CLIENTS" ]; then
		folder=$run/files
		clients_folder "$folder" "$out" "$module"
		cp "$TOP/scripts/guest/clients" "$run/job"
	else
		folder=$out.kselftest
		build_selftests "$patched" "$out"
		cp "$TOP/scripts/guest/selftests" "$run/job"
		chosen_programs "$folder" > "$folder/only"
	fi
}
