# shellcheck shell=dash
CLAIMS="socket_proxy_2_MB_in_dom0 ten_MB_each_way_in_dom0 ten_MB_each_way_with_a_domU the_other_end_of_what_is_killed_ends"

SIZE=10485760

# Either ends when its standard input does, whence that of both waits.
socket_proxy_2_MB_in_dom0() {
	path=/local/domain/0/data/proxy
	head -c 2097152 /dev/urandom > /tmp/bytes
	mkfifo /tmp/in /tmp/none
	exec 5<> /tmp/in 6<> /tmp/none
	vchan-socket-proxy -m server 0 $path - < /tmp/in > /dev/null &
	server=$!
	vchan-socket-proxy -m client 0 $path - < /tmp/none > /tmp/got &
	client=$!
	timeout 180 cat /tmp/bytes >&5 || fail "the server does not read"
	until_true 120 "the bytes" cmp /tmp/bytes /tmp/got
	kill $server $client
	rm -f /tmp/bytes /tmp/got
}

ten_MB_each_way_in_dom0() {
	path=/local/domain/0/data/vchan
	libraries vchan-server 0 $path $SIZE > /tmp/server 2>&1 &
	server=$!
	timeout 180 libraries vchan-client 0 $path $SIZE > /tmp/client 2>&1
	client=$?
	ended $server 120 "the server" || client=1
	cat /tmp/server /tmp/client
	[ $client = 0 ] && [ "$(cat /tmp/server /tmp/client | sed 's/.*sum //' | sort -u | wc -l)" = 1 ]
}

ten_MB_each_way_with_a_domU() {
	linux_domu vchan
	path=/local/domain/$(xl domid vchan)/data/vchan
	timeout 600 libraries vchan-client "$(xl domid vchan)" "$path" $SIZE > /tmp/client 2>&1 &
	client=$!
	in_domu 600 vchan "libraries vchan-server 0 $path $SIZE" > /tmp/server || fail "the domU's: $(cat /tmp/server /tmp/client)"
	ended $client 120 "the client"
	status=$?
	cat /tmp/server /tmp/client
	[ $status = 0 ] && [ "$(cat /tmp/server /tmp/client | sed 's/.*sum //' | sort -u | wc -l)" = 1 ]
}

# connected PATH: an echo in the domU, and round trips to it in dom0.
connected() {
	rm -f /tmp/client
	in_domu 180 vchan "libraries vchan-echo 0 $1 & echo \$! > /tmp/pid"
	libraries vchan-trips "$(xl domid vchan)" "$1" 100000000 > /tmp/client 2>&1 &
	client=$!
	until_true 120 "the first round trip: $(cat /tmp/client)" grep -q connected /tmp/client
}

# The domU's end is killed, then dom0's.
the_other_end_of_what_is_killed_ends() {
	path=/local/domain/$(xl domid vchan)/data/killed
	connected "$path"
	in_domu 180 vchan "kill -9 \$(cat /tmp/pid)"
	ended "$client" 120 "the client of the killed server" && fail "it ended as if all had come"
	connected "$path-too"
	in_domu 180 vchan "[ -d /proc/\$(cat /tmp/pid) ]" || fail "there is no server"
	kill -9 "$client"
	in_domu 180 vchan "for i in \$(seq 60); do [ -d /proc/\$(cat /tmp/pid) ] || break; sleep 1; done; [ \$i -lt 60 ]" ||
		fail "the server goes on"
	step 180 xl destroy vchan
}
