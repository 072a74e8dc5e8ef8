# shellcheck shell=bash
# The guest's programs and initial file system.

: "${BUSYBOX:=/bin/busybox}"

# guest_program TREE NAME FILE: compiles scripts/guest/NAME.c, with the helpers that
# the selftests of TREE have.
guest_program() {
	local tests=$1/tools/testing/selftests/xen
	logged "$3.log" "building $2" "${TARGET_CC[@]}" "${TARGET_LDFLAGS[@]}" -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
		-D_GNU_SOURCE= -isystem "$TOP/include/uapi" -I "$tests" \
		-o "$3" "$TOP/scripts/guest/$2.c" "$tests/common.c" -lpthread
}

# make_initramfs OUT FILE DIR-OR-NOTHING…: writes FILE.gz from busybox, our
# init, /job from the file JOB, the module MODULE if any, and FOLDER as /job.d.
make_initramfs() {
	local gen=$1 image=$2 job=$3 module=$4 folder=$5 list=$2.list dir path
	local portcat=$CACHE/guest/portcat
	mkdir -p "$CACHE/guest"
	if [ "$MACHINE" = arm64 ]; then
		portcat=$TOP/scripts/guest/portcat
	elif [ "$TOP/scripts/guest/portcat.c" -nt "$portcat" ]; then
		gcc -O2 -Wall -Werror -static -o "$portcat" "$TOP/scripts/guest/portcat.c" ||
			die "cannot build scripts/guest/portcat.c" -- "see above"
	fi
	{
		for dir in bin dev lib proc root sys tmp; do echo "dir /$dir 755 0 0"; done
		echo "nod /dev/console 600 0 0 c 5 1"
		echo "file /bin/busybox $BUSYBOX 755 0 0"
		echo "slink /bin/sh busybox 777 0 0"
		echo "file /bin/portcat $portcat 755 0 0"
		echo "file /init $TOP/scripts/guest/init 755 0 0"
		echo "file /job $job 755 0 0"
		[ -z "$module" ] || echo "file /lib/xen-evtchn.ko $module 644 0 0"
		if [ -n "$folder" ]; then
			(cd "$folder" && find . -type d | sort) | while read -r path; do
				echo "dir /job.d/${path#./} 755 0 0"
			done
			(cd "$folder" && find . -type f | sort) | while read -r path; do
				echo "file /job.d/${path#./} $folder/$path 755 0 0"
			done
		fi
	} | sed 's,/job.d/\. ,/job.d ,' > "$list"
	"$gen" "$list" | gzip -1 > "$image"
}
