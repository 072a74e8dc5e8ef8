# shellcheck shell=bash
# Programs that this system lacks, or has too old: unpacked in the cache, and run from
# there with the libraries of their own suite. They may come from a suite whose
# Release file has expired, as nothing is claimed of their age.

# newest_of PACKAGE: the row of its newest version.
newest_of() {
	local row
	apt_refresh
	row=$(STALE=1 versions "$1" | sed -n 1p)
	[ -n "$row" ] || die "no suite of Debian has $1" -- "see $APT/log; is there a network?"
	echo "$row"
}

# fetch_program NAME REGEX PACKAGE [WORD…]: prints the path of a program of that
# name, which starts the one in Debian's newest PACKAGE, with the WORDs before its
# arguments. All packages that it depends on and whose names match come with it.
fetch_program() {
	local name=$1 regex=$2 package=$3 row version suite dir packages
	shift 3
	row=$(newest_of "$package")
	read -r package version suite <<< "$row"
	dir=$CACHE/tools/${package}_${version#*:}
	if [ ! -x "$dir/$name" ]; then
		say "downloading $package $version of $suite"
		packages=$(needed_by "$suite" "$package|libc6|$regex" "$package")
		# shellcheck disable=SC2086 # one word for each package
		unpack_packages "$dir" "$suite" $packages
		cat > "$dir/$name.new" <<-END
		#!/bin/sh
		root=$dir/root
		export QEMU_MODULE_DIR=\$root/usr/lib/x86_64-linux-gnu/qemu
		exec \$root/usr/lib64/ld-linux-x86-64.so.2 \
			--library-path \$root/usr/lib/x86_64-linux-gnu \
			\$root/usr/bin/$name $* "\$@"
		END
		chmod +x "$dir/$name.new"
		"$dir/$name.new" --version > "$dir/version" 2>&1 ||
			die "$package $version of $suite does not run here: $(sed -n 1p "$dir/version")" -- "fix scripts/lib/programs.sh"
		mv "$dir/$name.new" "$dir/$name"
	fi
	echo "$dir/$name"
}

# fetch_qemu WHICH: sets QEMU to the system's, or to the newest that Debian has.
fetch_qemu() {
	case $1 in
	system) QEMU=qemu-system-x86_64 ;;
	newest)
		# shellcheck disable=SC2016 # the program's own variable
		QEMU=$(fetch_program qemu-system-x86_64 'lib.*|qemu-system-.*|seabios' qemu-system-x86 \
			-L '$root/usr/share/qemu' -L '$root/usr/share/seabios')
		;;
	esac
	QEMU_VERSION=$("$QEMU" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
}

# fetch_sparse TREE: prints a sparse that reads this kernel's headers: the
# system's, or else Debian's newest.
fetch_sparse() {
	local valid=$1/scripts/checker-valid.sh sparse=sparse
	if [ -e "$valid" ] && [ "$("$valid" sparse 2> /dev/null)" != 1 ]; then
		sparse=$(fetch_program sparse 'lib.*' sparse)
		[ "$("$valid" "$sparse")" = 1 ] ||
			die "no available sparse can read this kernel" -- "fix scripts/lib/programs.sh"
	fi
	echo "$sparse"
}

# fetch_abidiff: prints one that is new enough for the kernel's check-uapi.sh.
fetch_abidiff() {
	fetch_program abidiff 'lib.*' abigail-tools
}
