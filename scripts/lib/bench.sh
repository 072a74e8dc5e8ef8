# shellcheck shell=bash
# What scripts/bench makes of the figures of scripts/guest/bench.c. A figure's line is
#	DRIVER ROW PORTS VALUE
# with DRIVER stock or ours; PORTS is 0 where they play no part.

# figures DRIVER FILE…: from the program's JSON lines.
figures() {
	local driver=$1
	shift
	sed -nE 's/^\{"row": "([a-z0-9_]+)", "ports": ([0-9]+), "value": ([0-9.]+), .*/'"$driver"' \1 \2 \3/p' "$@"
}

# What each row is, and its goal:
#	name		ratio to stock, at most; or
#	refused+N	ours, at most N above ours of refused_ioctl
#	X*ROW		ours, at most X times ours of ROW
#	<X, >X		ours itself, at most or at least X
#	flat:X		ours, at most X times that with 16 ports
# A goal at one number of ports stands as ROW/PORTS. No goal: only the guard.
# ROW=OTHER: stock has no such row, and the ratio is to its row OTHER.
BENCH_ROWS='
getppid			.		a system call, no driver
refused_ioctl		.		an unknown command
notify_foreign		.		NOTIFY of a port that is not mine
read_empty		.		read, empty, O_NONBLOCK
poll			.		poll, nothing there
privcmd_send		.		EVTCHNOP_send through privcmd, no driver
notify_masked		1*privcmd_send	NOTIFY, peer masked
write			refused+150	write of one enabled port
write_32		.		write of 32 enabled ports
event			0.90		NOTIFY, read and write: a whole event
read_enables=event	0.76		NOTIFY and read: READ_ENABLES (stock: with write)
eventfd=event		0.80		NOTIFY and read of an eventfd: EVENTFD, READ_ENABLES (stock: as above)
eventfd_write=event	.		NOTIFY, read of an eventfd, and write: EVENTFD (stock: as above)
notifyfd=relay		1.20*notify_masked	write of an eventfd: NOTIFYFD (stock: until another process calls NOTIFY)
status=privcmd_status	.		STATUS (stock: EVTCHNOP_status through privcmd)
open_close		0.90		open and close
bind			.		bind, per port
notify_interrupt	.		NOTIFY with its interrupt, per port
read_write		flat:1.1	read and write in batches, per port
read_write/1024		0.85		the same against stock
event_of_many		flat:1.1	NOTIFY, interrupt, read, write, per port
unbind			1.00		UNBIND, per port
close			0.85		close of a file with ports, per port
write_beside_binds	<1.3		write beside binds, times alone: median
write_beside_binds_p99	<1.3		the same: 99 of 100
notify_beside_binds	<1.3		NOTIFY beside binds, times alone: median
notify_beside_binds_p99	<1.3		the same: 99 of 100
getppid_two_threads	.		two threads, no driver, times one
notify_two_threads	>1.9		two threads NOTIFY on one file, times one
all_pend_two_cpus	.		all ports pend, two CPUs, ns per port
memory_file		1.00		bytes of an open file
memory_port		1.00		bytes of a bound port, core and driver
text			1.30		bytes of xen-evtchn.ko (size: text)
'

# beside FIGURES: adds stock's figure of OTHER as that of ROW, for each ROW=OTHER.
beside() {
	local row other
	while read -r row other; do
		sed -i "/^stock $other 0 /{p;s//stock $row 0 /}" "$1"
	done < <(sed -nE 's/^([a-z_]+)=([a-z_]+).*/\1 \2/p' <<< "$BENCH_ROWS")
}

# table FIGURES: Markdown; a row for each in BENCH_ROWS and number of ports.
table() {
	awk -v rows="$BENCH_ROWS" '
	function number(v) { return v >= 100 ? sprintf("%.0f", v) : sprintf("%.2f", v) }
	function met(good) { return good ? "met" : "**not met**" }
	# The goal and whether @o, with @s of stock, meets it.
	function judge(goal, row, ports, o, s,    limit, factor) {
		if (goal == ".")
			return " | "
		if (goal ~ /^refused/) {
			limit = ours["refused_ioctl", 0] + substr(goal, 9)
			return "at most " number(limit) " | " met(o <= limit + 0.5)
		}
		if (split(goal, factor, "*") == 2) {
			limit = factor[1] * ours[factor[2], 0]
			return "at most " number(limit) " | " met(o <= limit)
		}
		if (goal ~ /^flat/) {
			sub("flat:", "", goal)
			limit = goal * ours[row, 16]
			return ports == 16 ? " | " : "at most " number(limit) " | " met(o <= limit)
		}
		if (goal ~ /^[<>]/) {
			limit = substr(goal, 2)
			return (goal ~ /</ ? "at most " : "at least ") limit " | " \
				met(goal ~ /</ ? o <= limit : o >= limit && o >= s)
		}
		return "ratio " goal " | " met(o / s <= goal)
	}
	{
		if ($1 == "ours") ours[$2, $3] = $4; else stock[$2, $3] = $4
		if ($2 == "notify_interrupt") sizes[++n] = $3 + 0
	}
	END {
		for (i = 1; i <= n; i++) {
			p = sizes[i]
			ours["event_of_many", p] = ours["notify_interrupt", p] + ours["read_write", p]
			stock["event_of_many", p] = stock["notify_interrupt", p] + stock["read_write", p]
		}
		print "| operation | ports | stock | ours | ratio | goal | |"
		print "| --- | --- | --- | --- | --- | --- | --- |"
		count = split(rows, line, "\n")
		for (i = 1; i <= count; i++) {
			if (split(line[i], f, /\t+/) < 3)
				continue
			split(f[1], name, "[/=]")
			for (p = 0; p <= 4096; p = p ? p * 2 : 16) {
				if (f[1] ~ "/" && p != name[2])
					continue
				if (!((name[1], p) in ours) || !((name[1], p) in stock))
					continue
				o = ours[name[1], p]; s = stock[name[1], p]
				printf "| %s | %s | %s | %s | %.3f | %s |\n", f[3], p ? p : "", number(s), \
					number(o), o / s, judge(f[2], name[1], p, o, s)
			}
		}
	}' "$1"
}

# ratios FIGURES: ROW PORTS RATIO of what the instruction clock gave.
ratios() {
	awk '$1 == "ours" { ours[$2 " " $3] = $4 }
	     $1 == "stock" { stock[$2 " " $3] = $4; order[++n] = $2 " " $3 }
	     END {
		for (i = 1; i <= n; i++)
			if (order[i] in ours && order[i] !~ /beside|threads|cpus|memory|text/)
				printf "%s %.3f\n", order[i], ours[order[i]] / stock[order[i]]
	     }' "$1"
}

# guard RATIOS COMMITTED: whether no ratio is more than 0.02 above its own.
guard() {
	awk 'NR == FNR { want[$1 " " $2] = $3; next }
	     { key = $1 " " $2; seen[key] = 1 }
	     !(key in want) { printf "%s: not in the committed ratios\n", key; bad = 1; next }
	     {
		over = $3 > want[key] + 0.02
		printf "%-24s %.3f, committed %.3f%s\n", key, $3, want[key], over ? "  TOO HIGH" : ""
		bad = bad || over
	     }
	     END {
		for (key in want)
			if (!(key in seen) && key !~ / 4096$/) { printf "%s: was not measured\n", key; bad = 1 }
		exit bad
	     }' "$2" "$1"
}

# plot FIGURES FILE: cost against the number of ports, as SVG.
plot() {
	local figures=$1 dir=$1.plot row driver
	mkdir -p "$dir"
	for row in bind notify_interrupt read_write unbind close; do
		for driver in stock ours; do
			awk -v d="$driver" -v r="$row" '$1 == d && $2 == r { print $3, $4 }' \
				"$figures" > "$dir/$row.$driver"
		done
	done
	(cd "$dir" && gnuplot) > "$2" <<-'END'
	set terminal svg size 1000,640 background "white"
	set multiplot layout 2,3 title "Instructions per port against the number of ports of a file"
	set logscale x 2
	set xlabel "ports"
	set yrange [0:*]
	set key bottom right
	do for [row in "notify_interrupt read_write unbind close bind"] {
		set title row noenhanced
		plot row.".stock" with linespoints title "stock", row.".ours" with linespoints title "ours"
	}
	unset multiplot
	END
}

# how_to_read: what stands below the table.
how_to_read() {
	cat <<-'END'

	Under QEMU's instruction clock a nanosecond is an instruction, of Xen's as well
	as of Linux's, so the same boot gives the same figures, and a ratio holds from
	one machine to the next. It is a count and not a time: a cache miss, a locked
	access and an addition are one instruction each, and so is each step of a
	"rep movsb". A PV dom0 enters Xen on each system call, which is three quarters
	of the cheapest one here; in HVM and PVH domains the driver's share is larger.
	Rows with "times" are ratios of times, as two threads cannot run under that
	clock; they vary with the load of the machine. The memory of a port is mostly
	the event core's: an irq descriptor, and its folders in /proc and /sys.
	END
}
