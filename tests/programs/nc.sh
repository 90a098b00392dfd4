#!/bin/bash
# netcat (openbsd) under the stack: TCP and UDP, as client and as server, half-close in both directions.
. "$(dirname "$0")/lib.sh"

head -c 3000000 /dev/urandom > "$tmp/a"
head -c 2000000 /dev/urandom > "$tmp/b"

# TCP client: sends a, half-closes (-N), receives b.
in_host nc -N -l 9001 < "$tmp/b" > "$tmp/host.got" &
peer=$!
wait_for 10 listening host 9001 || die "nc does not listen"
us nc -N "$host_ip" 9001 < "$tmp/a" > "$tmp/us.got"
case_eq "TCP client" 0 $?
wait "$peer"
case_ok "client -> kernel" cmp "$tmp/a" "$tmp/host.got"
case_ok "kernel -> client" cmp "$tmp/b" "$tmp/us.got"
crossed "$stat" tcp tx 3000000
crossed "$stat" tcp rx 2000000

# TCP server. A listening nc ends when its peer has ended and nothing is left in its buffer, whatever
# is left of its input: the input is one buffer.
new_stat
head -c 10000 "$tmp/b" > "$tmp/c"
us_bg nc -N -l 9002 < "$tmp/c" > "$tmp/us.got"
wait_for 10 us_listening 9002 || fail "server does not listen"
in_host nc -N "$stack_ip" 9002 < "$tmp/a" > "$tmp/host.got"
case_eq "TCP server" 0 $?
wait "$us_pid"
case_ok "kernel -> server" cmp "$tmp/a" "$tmp/us.got"
case_ok "server -> kernel" cmp "$tmp/c" "$tmp/host.got"
crossed "$stat" tcp rx 3000000

# Half-close: the server answers only after our FIN.
cat > "$tmp/answer" <<'SH'
#!/bin/sh
n=$(wc -c)
echo "got $n"
SH
chmod +x "$tmp/answer"
new_stat
in_host python3 -c '
import socket
l = socket.create_server(("", 9003)); c, _ = l.accept(); n = 0
while True:
    d = c.recv(65536)
    if not d: break
    n += len(d)
c.sendall(b"got %d" % n); c.close()' &
wait_for 10 listening host 9003 || die "python does not listen"
case_eq "half-close" "got 3000000" "$(us nc -N "$host_ip" 9003 < "$tmp/a")"

# UDP client: one datagram each way.
new_stat
in_host python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 9004))
d, a = s.recvfrom(65536); s.sendto(d.upper(), a)' &
wait_for 10 in_host sh -c 'ss -Hlun "sport = :9004" | grep -q .' || die "python is not bound"
case_eq "UDP client" "HELLO" "$(echo hello | us nc -u -w 3 -W 1 "$host_ip" 9004)"
crossed "$stat" udp tx 6
crossed "$stat" udp rx 6

# UDP server.
new_stat
echo world | us_bg nc -u -l 9005 > "$tmp/us.got"
wait_for 10 us_bound_udp 9005 || fail "UDP server is not bound"
got=$(in_host python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b"hello", (sys.argv[1], 9005)); print(s.recv(100).decode().strip())' "$stack_ip")
case_eq "UDP server answers" world "$got"
wait_for 5 test -s "$tmp/us.got"
case_eq "UDP server got" hello "$(cat "$tmp/us.got")"
crossed_live udp rx 5
stop "$us_pid"
finish
