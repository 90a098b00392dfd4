#!/bin/bash
# Other links and addresses: libpcap's live capture, a MAC address of our own, jumbo frames, no offloads, the library loaded by dlopen.
. "$(dirname "$0")/lib.sh"

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
want=$(in_host curl -sS "http://$host_ip:8000/3000000" | sha256sum)

us_args=(run -i pcap:us0 -4 "$stack_ip/24")
case_eq "pcap link: 3 MB" "$want" "$(us curl -sS "http://$host_ip:8000/3000000" | sha256sum)"
crossed "$stat" tcp rx 3000000
new_stat
us_bg python3 "$programs_dir/httpd.py" 8001
wait_for 10 us_listening 8001 || fail "httpd.py under the stack does not listen"
case_eq "pcap link: server" "$want" "$(in_host curl -sS "http://$stack_ip:8001/3000000" | sha256sum)"
stop "$us_pid"

new_stat
us_args=(run -i us0 -4 "$stack_ip/24")
case_eq "own MAC" "$want" "$(USERSTACK_MAC=02:00:00:00:12:34 us curl -sS "http://$host_ip:8000/3000000" | sha256sum)"
case_ok "the neighbour saw it" sh -c "'$top_srcdir/scripts/testbed' exec '$TB' host -- ip neigh show $stack_ip | grep -q 02:00:00:00:12:34"
new_stat
case_eq "smaller MTU" "$want" "$(USERSTACK_MTU=600 us curl -sS "http://$host_ip:8000/3000000" | sha256sum)"
crossed "$stat" tcp rx 3000000

new_stat
case_eq "gateway" "$want" "$(in_host ip addr add 192.0.2.1/32 dev lo; us_args+=(-g "$host_ip"); us curl -sS "http://192.0.2.1:8000/3000000" | sha256sum)"
crossed "$stat" tcp rx 3000000

# Destinations of USERSTACK_KERNEL go to the kernel; strict turns that into an error.
"$top_srcdir/scripts/testbed" exec "$TB" stack -- python3 "$programs_dir/httpd.py" 8002 &
wait_for 10 listening stack 8002 || die "httpd.py does not listen in the stack's namespace"
case_eq "127.0.0.1 is the kernel's" 1000 "$(us curl -sS http://127.0.0.1:8002/1000 | wc -c)"
USERSTACK_STRICT=1 us curl -sS http://127.0.0.1:8002/1000 > "$tmp/out" 2> "$tmp/err"
case_ok "strict: not there" test $? -ne 0
finish
