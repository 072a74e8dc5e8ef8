# shellcheck shell=bash
# What the series changes in files that the kernel has. Each change hangs on
# lines of the file, and fails when they are not there, or there twice.

# once FILE ANCHOR: the number of the one line that is ANCHOR.
once() {
	local lines
	lines=$(grep -nxF -e "$2" "$1" | cut -d: -f1 || true)
	[[ $lines =~ ^[0-9]+$ ]] ||
		die "$1 of $BASE has not exactly one line \"$2\"" \
		    -- "adapt the edit in scripts/series/edits.sh to this kernel"
	echo "$lines"
}

# after FILE ANCHOR TEXT
after() {
	local line
	line=$(once "$1" "$2")
	TEXT=$3 awk -v n="$line" '{ print } NR == n { print ENVIRON["TEXT"] }' "$1" > "$1.new"
	mv "$1.new" "$1"
}

# replace FILE FIRST LAST TEXT: the lines from FIRST to LAST.
replace() {
	local first last
	first=$(once "$1" "$2")
	last=$(once "$1" "$3")
	TEXT=$4 awk -v first="$first" -v last="$last" '
		NR == first && ENVIRON["TEXT"] != "" { print ENVIRON["TEXT"] }
		NR < first || NR > last' "$1" > "$1.new"
	mv "$1.new" "$1"
}

# maintainers: the F: lines of MAINTAINERS.snippet, each at its place in the
# entry that the snippet names.
maintainers() {
	local entry line
	entry=$(sed -n 1p "$TOP/MAINTAINERS.snippet")
	line=$(once MAINTAINERS "$entry")
	awk -v start="$line" '
		FNR == NR { if (/^F:/) new[++count] = $0; next }
		FNR > start && !done && (/^F:/ || /^$/) {
			while (next_new < count && (/^$/ || new[next_new + 1] < $0))
				print new[++next_new]
			done = /^$/
		}
		{ print }' "$TOP/MAINTAINERS.snippet" MAINTAINERS > MAINTAINERS.new
	mv MAINTAINERS.new MAINTAINERS
}

# edit FILE[:PART]
edit() {
	local file=${1%%:*} line=$'xen-evtchn-y\t\t\t\t:= evtchn.o'
	local kunit=$'xen-evtchn-kunit-y\t\t\t:= evtchn/tests/ring_kunit.o'
	[ -e "$file" ] || die "$BASE has no $file" -- "give the --base of a kernel that has it"
	case $1 in
	drivers/xen/Makefile:kunit)
		after "$file" "$line" $'obj-$(CONFIG_XEN_EVTCHN_KUNIT_TEST)\t+= xen-evtchn-kunit.o\n'"$kunit"
		;;
	drivers/xen/Makefile:driver)
		replace "$file" "$line" "$line" \
			"${line/evtchn.o/\$(addprefix evtchn/,core.o ioctl.o bind.o ring.o)}"
		;;
	drivers/xen/Makefile:eventfd)
		line=${line/evtchn.o/\$(addprefix evtchn\/,core.o ioctl.o bind.o ring.o)}
		after "$file" "$line" $'xen-evtchn-$(CONFIG_EVENTFD)\t\t+= evtchn/eventfd.o'
		;;
	drivers/xen/Makefile:trace)
		after "$file" $'xen-evtchn-$(CONFIG_EVENTFD)\t\t+= evtchn/eventfd.o' \
			$'xen-evtchn-$(CONFIG_TRACEPOINTS)\t+= evtchn/trace.o\nCFLAGS_evtchn/trace.o\t\t\t:= -I$(src)/evtchn'
		;;
	drivers/xen/Makefile:driver-kunit)
		replace "$file" "$kunit" "$kunit" \
			"${kunit%evtchn/*}\$(addprefix evtchn/tests/,ring_kunit.o driver_kunit.o)"
		;;
	drivers/xen/Kconfig:kunit)
		line=$(($(once "$file" 'config XEN_BACKEND') - 1))
		sed -i "$line"'s,^$,\nsource "drivers/xen/evtchn/tests/Kconfig"\n,' "$file"
		;;
	drivers/xen/Kconfig:driver)
		kconfig_entry "$file"
		;;
	tools/testing/selftests/Makefile)
		after "$file" 'TARGETS += x86/bugs' 'TARGETS += xen'
		;;
	Documentation/userspace-api/index.rst)
		# The list is in no order, and grows at its end.
		after "$file" '   dcdbas' '   xen-evtchn'
		;;
	MAINTAINERS)
		maintainers
		;;
	*)
		die "no edit of $1 is known" -- "add it to scripts/series/edits.sh"
		;;
	esac
}

# The entry ends where the next one begins.
kconfig_entry() {
	local first next
	first=$(once "$1" 'config XEN_DEV_EVTCHN')
	next=$(once "$1" 'source "drivers/xen/evtchn/tests/Kconfig"')
	[ "$(sed -n "$first,$((next - 1))s/^config //p" "$1")" = XEN_DEV_EVTCHN ] ||
		die "$1 of $BASE has something between XEN_DEV_EVTCHN and the tests" \
		    -- "adapt the edit in scripts/series/edits.sh to this kernel"
	awk -v first="$first" -v next_="$next" '
		NR == first { print "source \"drivers/xen/evtchn/Kconfig\"\n" }
		NR < first || NR >= next_' "$1" > "$1.new"
	mv "$1.new" "$1"
}

# backport: to kernels without the typed allocators, and without what lets one waiter
# alone be the first of a queue.
backport() {
	sed -i -e 's/\bkzalloc_obj(\(\*[a-z_]*\), /kzalloc(sizeof(\1), /' \
		-e 's/\bkvmalloc_objs(\(\*[a-z_]*\), \([^,()]*\), /kvmalloc_array(\2, sizeof(\1), /' \
		-e 's/\bkvzalloc_objs(\(\*[a-z_]*\), \([^,()]*\), /kvcalloc(\2, sizeof(\1), /' \
		drivers/xen/evtchn/*.c
	! grep -nE 'alloc(_flex|_objs?)\(' drivers/xen/evtchn/*.c >&2 ||
		die "the backport does not know these allocations" -- "adapt backport() in scripts/series/edits.sh"
	sed -i '/= add_wait_queue_priority_exclusive(queue,$/{ N; s/= .*(queue,[[:space:]]*/= add_first_waiter(queue, /; }' drivers/xen/evtchn/eventfd.c
	awk -v helper="$TOP/scripts/series/backport-wait.c" '
	     /^\/\* Fails if another waiter that takes every write/ { while ((getline line < helper) > 0) print line }
	     { print }' drivers/xen/evtchn/eventfd.c > "$WORK/eventfd.c"
	cat "$WORK/eventfd.c" > drivers/xen/evtchn/eventfd.c
	[ "$(grep -c 'add_first_waiter(' drivers/xen/evtchn/eventfd.c)" = 2 ] ||
		die "the backport does not know where add_wait_queue_priority_exclusive() is called" \
		    -- "adapt backport() in scripts/series/edits.sh"
	! git diff --quiet || die "the backport changes nothing" -- "drop it from make-series"
}
