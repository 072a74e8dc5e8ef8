# shellcheck shell=bash
# Random calls of the device, which need not make sense: those that the description in
# scripts/fuzz allows, made by scripts/guest/fuzz.c; stress-ng's; and trinity's.

FUZZ=$TOP/scripts/fuzz
# How many calls the generator makes on the plain kernel, a tenth of them on the debug
# kernel; how long each of the others runs; and the seed, with which all is made again.
: "${FUZZ_CALLS:=1000000}" "${FUZZ_SECONDS:=600}" "${FUZZ_SEED:=$(date +%s)}"
# In the default checks, always the same.
GRAMMAR_SEED=1 GRAMMAR_CALLS=60000

# build_fuzz TREE DIR: the generator, with the table of the description.
build_fuzz() {
	local tests=$1/tools/testing/selftests/xen
	mkdir -p "$2"
	"$FUZZ/grammar.py" table "$FUZZ/generic.txt" "$FUZZ/dev_xen_evtchn.txt" > "$2/table.h"
	gcc -static -O2 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror \
		-D_GNU_SOURCE= -isystem "$TOP/include/uapi" -I "$tests" -I "$2" -o "$2/fuzz" \
		"$TOP/scripts/guest/fuzz.c" "$tests/common.c" -lpthread
}

# header_errors: a row COMMAND ERROR... for each command of the header, from its comment,
# and from that on the errors of all commands and of all that bind.
header_errors() {
	awk '
		/^ \* DOC: errors of all commands/ { part = "any" }
		/^ \* Any BIND command can also fail with/ { part = "BIND" }
		/^ \* define IOCTL_/ { part = $3; commands[part] }
		/^ \*\/$/ { part = "" }
		part && /^ \* \* E[A-Z]+(, E[A-Z]+)*:/ {
			sub(/:.*/, "")
			gsub(/[*,]/, "")
			errors[part] = errors[part] " " $0
		}
		END {
			for (c in commands) {
				# A command that exists is never ENOSYS; RESET takes no argument.
				own = errors[c]
				if (c !~ /RESET/) own = own errors["any"]
				if (c ~ /_BIND_/) own = own errors["BIND"]
				gsub(/ENOSYS/, "", own)
				print c, own
			}
		}' "$TOP/include/uapi/xen/evtchn.h" | sorted_errors
}

# sorted_errors: each row's errors in order, once, without EBADF, which is no command's.
sorted_errors() {
	awk '{ print $1, ""; for (i = 2; i <= NF; i++) if ($i != "EBADF") print $1, $i }' | sort -u |
		awk '$1 != last { printf "%s%s", last ? "\n" : "", $1; last = $1 }
		     { printf " %s", $2 }
		     END { print "" }'
}

# quiet RUN-LOG: dies if the kernel said anything in that run.
quiet() {
	local log words
	log=$(sed -n 's/.*; log in //p' "$1" | tail -n 1)
	[ -s "$log/console" ] || failed "no console of the run in $1"
	words=$(. "$TOP/scripts/lib/guest.sh"; . "$TOP/scripts/lib/verdict.sh"; splats "$log")
	[ -z "$words" ] || failed "the kernel complained: $words; all of it is in $log/console"
}

# guest_fuzz NAME OPTION...: a run that prints KTAP; each test of it must pass.
guest_fuzz() {
	local log=$LOGS/$1.run planned
	shift
	guest_run "$@" > "$log" 2>&1 || { grep -a '^not ok' "$log" || tail -n 30 "$log"; failed "see $log"; }
	grep -aE '^(# |ok |not ok |1\.\.)' "$log"
	quiet "$log"
	planned=$(sed -n 's/^1\.\.//p' "$log" | awk '{ n += $1 } END { print n + 0 }')
	if [ "$planned" = 0 ] || [ "$(grep -acE '^ok ' "$log")" != "$planned" ]; then
		failed "$planned tests were planned: see $log"
	fi
	[[ $* != *'--kernel debug'* ]] || grep -q '^ok .* kmemleak finds nothing' "$log" ||
		failed "kmemleak did not run: see $log"
}

check_grammar() {
	local dir=$LOGS/grammar tree text=$FUZZ/dev_xen_evtchn.txt
	tree=$(newest_tree)
	build_fuzz "$tree" "$dir"
	"$FUZZ/grammar.py" layout "$text" "$TOP/include/uapi/xen/evtchn.h" > "$dir/layout.c"
	gcc -fsyntax-only -I "$TOP/include/uapi" "$dir/layout.c" || failed "the description does not match the header"
	"$FUZZ/grammar.py" consts "$tree" "$text" > "$dir/consts"
	diff -u "$text.const" "$dir/consts" ||
		failed "scripts/fuzz/grammar.py consts KERNEL $text > $text.const"
	"$FUZZ/grammar.py" errors "$text" | sed -n 's/^ioctl.IOCTL/IOCTL/p' | sorted_errors > "$dir/errors"
	header_errors | diff -u - "$dir/errors" || failed "the header's errors do not match those of the description"
	guest_fuzz grammar -- "$dir/fuzz" $GRAMMAR_SEED $GRAMMAR_CALLS
}

# fetch_fuzzer PACKAGE: prints a folder with the program of that name and each library
# that it loads, by the name that it is loaded by.
fetch_fuzzer() {
	local row package version suite dir packages loader
	row=$(newest_of "$1")
	read -r package version suite <<< "$row"
	dir=$CACHE/tools/$package-files_${version#*:}
	if [ ! -e "$dir/files/$package" ]; then
		say "downloading $package $version of $suite"
		# Without a compiler for graphics cards, which nobody loads.
		packages=$(needed_by "$suite" "$package|libc6|zlib1g|lib([^lz]|l[^l]|z[^3]).*" "$package")
		# shellcheck disable=SC2086 # one word for each package
		unpack_packages "$dir" "$suite" $packages
		loader=$(find "$dir/root" -name ld-linux-x86-64.so.2 -type f)
		mkdir -p "$dir/new"
		cp "$loader" "$dir/root/usr/bin/$package" "$dir/new/"
		"$loader" --library-path "$(printf '%s:' "$dir"/root/{usr/,}lib/x86_64-linux-gnu)" \
			--list "$dir/new/$package" > "$dir/ldd"
		! grep 'not found' "$dir/ldd" || die "$package lacks libraries" -- "fix scripts/lib/fuzz.sh"
		awk '$2 == "=>" { print $3 }' "$dir/ldd" | xargs -I{} cp -L {} "$dir/new/"
		rm -rf "$dir/root"
		mv "$dir/new" "$dir/files"
	fi
	echo "$package $version of $suite" >&2
	echo "$dir/files"
}

# fuzz_with PACKAGE: a fuzzer of Debian's, on the debug kernel.
fuzz_with() {
	local dir file with=()
	dir=$(fetch_fuzzer "$1")
	for file in "$dir"/*; do with+=(--with "$file"); done
	guest_fuzz "fuzz-$1" --kernel debug --timeout $((FUZZ_SECONDS + 600)) "${with[@]}" \
		-- "$TOP/scripts/guest/fuzzers" "$1" "$FUZZ_SECONDS"
}

check_fuzz() {
	local dir=$LOGS/fuzz
	build_fuzz "$(newest_tree)" "$dir"
	echo "seed $FUZZ_SEED: FUZZ_SEED=$FUZZ_SEED scripts/test fuzz does the same again"
	guest_fuzz fuzz-debug --kernel debug --timeout 3000 --with "$dir/fuzz" \
		-- "$TOP/scripts/guest/fuzzers" fuzz "$FUZZ_SEED" $((FUZZ_CALLS / 10))
	fuzz_with stress-ng
	fuzz_with trinity
	guest_fuzz fuzz-plain --timeout 3000 -- "$dir/fuzz" "$FUZZ_SEED" "$FUZZ_CALLS"
}
