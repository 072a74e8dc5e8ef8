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

# chosen_programs LIST: those to run, one a line. The test of hibernation, which is
# not of the list for it is not run with the others, is added when it is named.
chosen_programs() {
	local all only alone=evtchn_hibernate_test
	if [[ " ${ONLY[*]%%:*} " == *" $alone "* ]]; then echo "xen:$alone" >> "$1"; fi
	all=$(sed -n 's/^xen://p' "$1")
	if [ ${#ONLY[@]} -gt 0 ]; then
		for only in "${ONLY[@]}"; do
			grep -qx "${only%%:*}" <<< "$all" ||
				die "there is no selftest ${only%%:*}" -- "one of: ${all//$'\n'/ } $alone"
			echo "$only"
		done
		return
	fi
	# Failures on demand, each followed by a look for leaks, are this kernel's.
	if [ "$KERNEL" = debug ]; then
		echo "$all"
	else
		grep -v fail_nth <<< "$all"
		say "evtchn_fail_nth_test is left out: --kernel debug has it"
	fi
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
	elif [ -n "$RESTORE" ]; then
		folder=$run/files
		build_selftests "$patched" "$out"
		restore_folder "$folder" "$out" "$module"
		cp "$TOP/scripts/guest/restore" "$run/job"
	else
		folder=$out.kselftest
		build_selftests "$patched" "$out"
		cp "$TOP/scripts/guest/selftests" "$run/job"
		chosen_programs "$folder/kselftest-list.txt" > "$folder/only"
	fi
}
