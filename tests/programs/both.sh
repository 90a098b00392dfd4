#!/bin/bash
# Servers on the wildcard address serve the stack's peers and the kernel's loopback; one datagram socket talks to both.
. "$(dirname "$0")/lib.sh"

ask_tcp() { # END IP PORT
    "$top_srcdir/scripts/testbed" exec "$TB" "$1" -- timeout 10 python3 -c '
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=9) as c:
    print(c.recv(100).decode())' "$2" "$3"
}
ask_udp() {
    "$top_srcdir/scripts/testbed" exec "$TB" "$1" -- timeout 10 python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(9)
s.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
print(s.recv(100).decode())' "$2" "$3"
}

port=8000
for mode in block select poll epoll et-epoll; do
    port=$((port + 1))
    us_bg python3 "$programs_dir/both.py" "$mode" $port
    wait_for 20 us_listening $port || die "$mode: no listener"
    case_eq "$mode: the stack's peer" "$mode" "$(ask_tcp host "$stack_ip" $port)"
    case_eq "$mode: the kernel's loopback" "$mode" "$(ask_tcp stack 127.0.0.1 $port)"
    case_eq "$mode: the stack's peer again" "$mode" "$(ask_tcp host "$stack_ip" $port)"
    crossed_live tcp tx $((2 * ${#mode}))
    stop "$us_pid"
done
for mode in udp-block udp-select udp-epoll; do
    port=$((port + 1))
    us_bg python3 "$programs_dir/both.py" "$mode" $port
    wait_for 20 us_bound_udp $port || die "$mode: not bound"
    case_eq "$mode: the stack's peer" "$mode" "$(ask_udp host "$stack_ip" $port)"
    case_eq "$mode: the kernel's loopback" "$mode" "$(ask_udp stack 127.0.0.1 $port)"
    case_eq "$mode: the stack's peer again" "$mode" "$(ask_udp host "$stack_ip" $port)"
    crossed_live udp tx $((2 * ${#mode}))
    stop "$us_pid"
done

"$top_srcdir/scripts/testbed" exec "$TB" stack -- python3 "$programs_dir/both.py" echo 8100 127.0.0.1 &
"$top_srcdir/scripts/testbed" exec "$TB" host -- python3 "$programs_dir/both.py" echo 8100 10.77.0.1 &
for end in stack host; do
    wait_for 20 sh -c "'$top_srcdir/scripts/testbed' exec '$TB' $end -- ss -Hlun 'sport = :8100' | grep -q ." ||
        die "no echo at the $end"
done
case_eq "one datagram socket" "one port, both worlds" "$(us python3 "$programs_dir/both.py" talk 8100)"
crossed "$stat" udp rx 18

# The kernel's port is taken: the stack's is served all the same.
new_stat
"$top_srcdir/scripts/testbed" exec "$TB" stack -- python3 "$programs_dir/both.py" kernel 8200 &
wait_for 20 listening stack 8200 || die "no server in the kernel"
us_bg python3 "$programs_dir/both.py" stack 8200
wait_for 20 us_listening 8200 || die "no listener on the stack"
case_eq "a taken port: the stack's" stack "$(ask_tcp host "$stack_ip" 8200)"
case_eq "a taken port: the kernel's" kernel "$(ask_tcp stack 127.0.0.1 8200)"
crossed_live tcp tx 5
stop "$us_pid"
finish
