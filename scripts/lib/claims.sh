# shellcheck shell=bash
# What scripts/test runs: each list in this order, and those of one part beside each other.

# Name, and what it claims. The function is check_NAME, or for a guest run the
# options of scripts/run stand in GUESTS.
CHECKS="
shellcheck      every script is clean
series-check    patches/ are what make-series makes of the tree, byte for byte
series-am       git am takes patches/*.patch on the newest release and the one before
series-bases    git am takes the series on every kernel that a suite has, each edit in its place
series-am-lts   git am takes all but the removal on 6.12, as README says
series-steps    drivers/xen and the selftests build after every patch, without a warning
checkpatch      checkpatch --strict passes on every patch
sparse          sparse and W=1 find nothing in drivers/xen/evtchn
uapi            the user ABI is unchanged: every number, size and offset of the header
check-uapi      the kernel's check-uapi.sh finds no change of the header's structures
header          the header compiles alone, in C and C++, -pedantic
kernel-doc      every comment of the driver's functions and structures is right
maintainers     get_maintainer names Xen's maintainers for every new file
pages           the page and the manual page have no markup error
spelling        codespell finds nothing, with the kernel's list
quilt           quilt push -a takes patches/series on the newest and 6.12
rpm             rpmbuild -bp takes patches/series
stable          git am takes patches/stable on the stock newest and 6.12, which build with it
module-path     modules_install puts the module where the stock driver's is
drift           run reports what a newer kernel changed, and make-series follows it
example         the page's three programs, taken from its text, compile and work as it says
program         run -- FILE: output, exit status and arguments come through unchanged
crash           run reports a crashed guest, with its last words
domus           run counts the results of domUs, and names those that did not end
refusals        run refuses what it cannot do, with the next step
kunit           the KUnit tests pass, as modules under Xen and by kunit.py without it
sequences       random sequences of operations give the same lines on both drivers
grammar         the description for syzkaller is the header's, with its errors, and random calls of it pass
bench           no operation costs more than it did, in instructions against stock's
"
# These wait for much of their time, beside the others.
WAITING="
idle            run waits for a guest that sleeps 150 s, and reports a machine that stopped
hang            run reports a hung guest
defects         each defect: the stock driver fails its test, ours passes it
"
# Beside the checks above.
GUESTS="
guest-pv-2      --smp 2
guest-pv-2l     --fifo 0 --only evtchn_test
guest-pvh       --pvh --smp 1
guest-icount    --icount --only evtchn_test
guest-builtin   --builtin --only evtchn_test --only evtchn_trace_test
guest-xen       --xen newest --only evtchn_test --only evtchn_features_test
guest-threadirqs --append threadirqs --only evtchn_test --only evtchn_features_test --only evtchn_storm_test --only evtchn_move_test
guest-clients   --clients --timeout 3000 --only libraries --only xenstored --only xl --only consoles --only vchan --only domains --only virqs --only qemu --only oxenstored --only afterwards
guest-arm64     --arch arm64
guest-dom0less  --arch arm64 --dom0less
guest-6.12      --base 6.12 --only evtchn_test --only evtchn_features_test
stock-pv        --stock --only evtchn_test
"
# Only with --all, or by name.
LONG_CHECKS="
variants        no warning, W=1: 6.12, clang, i386, arm64, allmodconfig, built in; off is off
arm64           every selftest and module of the selftests builds for arm64
library         the patch of tools/for-xen works on both drivers, or fails with ENOSYS
mutants         each of some hundred faults in the driver fails a test, or has a reason not to
coccicheck      coccicheck finds nothing in the driver
selftest-tar    the selftests run from the archive that gen_tar makes
alone           each patch of the event core builds and boots with the stock driver behind it
fuzz            random calls of three generators: the debug kernel reports nothing
coverage        every line of the driver is run by a test, or has a reason not to be
distro          Debian's own configuration builds the driver as it built stock's
hosts           scripts/run works from scratch on the other Debian releases
"
LONG_GUESTS="
guest-pv-1      --smp 1
guest-all-xen   --xen newest
guest-irqpoll   --append irqpoll --only evtchn_test --only evtchn_features_test --only evtchn_storm_test --only evtchn_move_test
guest-busy      --busy
guest-many      --clients --only many --timeout 3000
guest-all-2l    --fifo 0
guest-pvh-2l    --pvh --smp 1 --fifo 0
stock-pv-2l     --stock --only evtchn_test --fifo 0
stock-clients   --clients --stock --timeout 3000
clients-xen     --clients --xen newest --timeout 3000
stock-arm64     --arch arm64 --stock --only evtchn_test
guest-arm64-xen --arch arm64 --xen newest
guest-dom0less-x --arch arm64 --dom0less --xen newest
stock-6.12      --stock --only evtchn_test --base 6.12
stable-pv       --stock --patch stable --only evtchn_test --only evtchn_features_test:status.
stable-6.12     --stock --patch stable --only evtchn_test --only evtchn_features_test:status. --base 6.12
stock-pvh       --stock --only evtchn_test --pvh --smp 1
stock-pvh-2l    --stock --only evtchn_test --pvh --smp 1 --fifo 0
guest-debug     --kernel debug --timeout 5000
guest-kcsan     --kernel kcsan --timeout 3000
guest-lockdep   --kernel lockdep --timeout 3000
guest-rt        --kernel rt --pvh --smp 1 --only evtchn_test --only evtchn_features_test --only evtchn_storm_test
restore-lockdep --kernel lockdep --restore --timeout 3000
hibernate-pv    --kernel lockdep --only evtchn_hibernate_test:machine.ends
hibernate-pvh   --kernel lockdep --pvh --smp 1 --only evtchn_hibernate_test
"
