#!/bin/bash
# ping from the kernel is answered, also with 8,000 bytes (fragments both ways); a closed UDP port is refused.
. "$(dirname "$0")/lib.sh"

us_bg nc -l 9000
wait_for 10 us_listening 9000 || die "nc does not listen"
case_ok "ping" in_host ping -c 3 -i 0.2 -W 2 "$stack_ip"
case_ok "ping -s 8000" in_host ping -c 3 -i 0.2 -W 2 -s 8000 "$stack_ip"
case_ok "ping -s 65507" in_host ping -c 1 -W 2 -s 65507 "$stack_ip"
case_ok "ping -f, 1000" in_host ping -q -f -c 1000 "$stack_ip"
case_eq "closed UDP port: refused" refused "$(in_host python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect((sys.argv[1], 9))
s.send(b"x")
try:
    s.recv(10)
except ConnectionRefusedError:
    print("refused")' "$stack_ip")"
case_eq "closed TCP port: refused" refused "$(in_host python3 -c '
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), 3)
except ConnectionRefusedError:
    print("refused")' "$stack_ip")"
in_stack "$userstack" stat --json > "$tmp/live.json"
case_ok "userstack stat: echoes answered" test "$(stat_value "$tmp/live.json" net.icmp_tx)" -ge 1000
stop "$us_pid"
finish
