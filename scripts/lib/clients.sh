# shellcheck shell=bash
# What scripts/run --clients takes into dom0: Xen's own programs, small ones of ours that
# are linked with Xen's libraries (those of this Debian, whichever Xen boots), and two
# kinds of domU.

# clients_programs DIR: builds ours, static, so that they run in a domU as well.
clients_programs() {
	local dir=$1 name
	mkdir -p "$dir"
	for name in libraries peer terminal; do
		logged "$dir.log" "building $name" gcc -static -O2 -Wall -Wextra -Werror -D_GNU_SOURCE= \
			-isystem "$TOP/include/uapi" -o "$dir/$name" "$TOP/scripts/guest/clients.d/$name.c" \
			-lxenvchan -lxenstore -lxenevtchn -lxengnttab -lxentoolcore -lxentoollog -lpthread -lutil
	done
	# Far less than Linux, which makes its creation quick.
	logged "$dir.log" "building the tiny domU" gcc -nostdlib -static -Wl,--build-id=none \
		-o "$dir/tiny" "$TOP/scripts/guest/clients.d/tiny.S"
}

# clients_fetch: QEMU, if it is asked for; dies if a part or a program is not there.
clients_fetch() {
	local parts program
	parts=$(clients_parts)
	for program in $TOOLSTACK_MORE; do
		[ -e "$XEN/toolstack/bin/$program" ] ||
			die "xen-utils-$(xen_version) has no $program" -- "give another --xen, or fix scripts/lib/toolstack.sh"
	done
	! grep -qx qemu <<< "$parts" || fetch_device_model
}

# clients_folder FOLDER OUT MODULE: what dom0's job needs.
clients_folder() {
	local folder=$1 out=$2 module=$3
	mkdir -p "$folder/domu"
	domu_kernel "$folder" "$out"
	clients_programs "$folder/programs"
	cp -r "$TOP/scripts/guest/clients.d" "$folder/"
	rm -f "$folder"/clients.d/*.[chS]
	clients_parts > "$folder/only"
	! grep -qx qemu "$folder/only" || cp -r "$XEN/qemu" "$folder/"
	make_initramfs "$out/usr/gen_init_cpio" "$folder/domu/initramfs" \
		"$TOP/scripts/guest/clients.d/domu" "$module" "$folder/programs"
	rm -f "$folder/domu/initramfs.list" "$folder/programs.log"
	echo "$DOMU_MEMORY" > "$folder/domu/memory"
}

# In this order: oxenstored takes the place of xenstored, and stays.
CLIENTS_PARTS="libraries xenstored xl many consoles vchan domains virqs qemu oxenstored afterwards"

# clients_parts: those to run, one a line. The figures of "load" are for scripts/bench.
clients_parts() {
	local only
	for only in "${ONLY[@]}"; do
		[[ " $CLIENTS_PARTS load " == *" $only "* ]] ||
			die "--clients has no part $only" -- "one of: $CLIENTS_PARTS load"
	done
	# shellcheck disable=SC2086 # one word for each
	if [ ${#ONLY[@]} -gt 0 ]; then printf '%s\n' "${ONLY[@]}"; else printf '%s\n' $CLIENTS_PARTS; fi
}

# programs_table STOCK OURS: Markdown, from what --clients --only load said of either: a
# row's median in a second, and how far all ratios of its runs spread.
programs_table() {
	awk '
	function sorted(driver, row, n, i, j, t) {
		n = count[driver, row]
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && value[driver, row, j - 1] > value[driver, row, j]; j--) {
				t = value[driver, row, j]
				value[driver, row, j] = value[driver, row, j - 1]
				value[driver, row, j - 1] = t
			}
		return n
	}
	FNR == 1 { driver = driver ? "ours" : "stock" }
	/^# # load / {
		if (!($4 in seen)) { seen[$4]; order[++rows] = $4 }
		value[driver, $4, ++count[driver, $4]] = $5
	}
	END {
		print "| a second | stock | ours | ratio | from, to |"
		print "| --- | --- | --- | --- | --- |"
		for (i = 1; i <= rows; i++) {
			row = order[i]
			n = sorted("stock", row)
			if (n != sorted("ours", row) || !n) exit 1
			s = value["stock", row, int((n + 1) / 2)]
			o = value["ours", row, int((n + 1) / 2)]
			printf "| %s | %.2f | %.2f | %.2f | %.2f, %.2f |\n", row, s, o, o / s,
				value["ours", row, 1] / value["stock", row, n],
				value["ours", row, n] / value["stock", row, 1]
		}
	}' "$1" "$2"
}
