# shellcheck shell=dash
# Xen's toolstack in dom0. Who includes this has a function fail WORDS....

PATH=/job.d/toolstack/bin:$PATH
export LD_LIBRARY_PATH=/lib64

# step SECONDS COMMAND...: or it is the end.
step() {
	limit=$1
	shift
	echo "+ $*" >> /tmp/xl.log
	timeout "$limit" "$@" >> /tmp/xl.log 2>&1 ||
		fail "failed, or did not end in $limit s: $*"
}

# until_true SECONDS WORDS COMMAND...
until_true() {
	limit=$(($(date +%s) + $1)) words=$2
	shift 2
	until timeout 30 "$@" > /dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || fail "$words: waited for in vain"
		sleep 0.1
	done
}

start_toolstack() {
	mkdir -p /etc/xen /run /var/log/xen/console /var/lib/xen \
		"/usr/lib/xen-$(cat toolstack/version)"
	ln -s /run /var/run
	mkdir -p /run/xen /run/xenstored /run/lock /var/lib/xenstored
	ln -s /run/lock /var/lock
	ln -s /job.d/toolstack/lib /lib64
	ln -s /job.d/toolstack/bin /job.d/toolstack/ocaml "/usr/lib/xen-$(cat toolstack/version)/"
	echo 'autoballoon="off"' > /etc/xen/xl.conf
	start_daemons xenstored --pid-file /run/xen/xenstored.pid
}

# start_daemons STORE...: that command, and who stands on it.
start_daemons() {
	step 180 "$@"
	until_true 120 "$1" xenstore read /
	step 180 xen-init-dom0
	step 180 xenconsoled --log=guest --pid-file=/run/xen/xenconsoled.pid
}
