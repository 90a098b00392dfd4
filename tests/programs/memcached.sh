#!/bin/bash
# memcached under the stack, TCP and UDP, 4 threads, root given away before the
# first socket; clients from the kernel.
. "$(dirname "$0")/lib.sh"

us_bg memcached -u nobody -t 4 -l "$stack_ip" -p 11211 -U 11211
wait_for 10 us_listening 11211 || die "memcached does not listen"
cat > "$tmp/client.py" <<'PY'
import socket, sys, threading
addr = (sys.argv[1], 11211)
bad = []
def work(n):
    s = socket.create_connection(addr)
    f = s.makefile("rwb")
    for i in range(200):
        v = (b"%d-%d " % (n, i)) * 200
        f.write(b"set k%d-%d 0 0 %d\r\n%s\r\n" % (n, i, len(v), v)); f.flush()
        if f.readline() != b"STORED\r\n": bad.append("set")
        f.write(b"get k%d-%d\r\n" % (n, i)); f.flush()
        head = f.readline()
        if not head.startswith(b"VALUE"): bad.append("get")
        if f.read(len(v)) != v: bad.append("value")
        f.read(2); f.readline()
ts = [threading.Thread(target=work, args=(n,)) for n in range(16)]
[t.start() for t in ts]; [t.join() for t in ts]
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(5)
u.sendto(b"\x12\x34\0\0\0\1\0\0get k3-7\r\n", addr)
d = u.recv(2000)
if d[:2] != b"\x12\x34" or b"VALUE k3-7" not in d: bad.append("udp")
print("bad" if bad else "good", bad[:3])
PY
case_eq "16 clients and a datagram" "good []" "$(in_host python3 "$tmp/client.py" "$stack_ip")"
crossed_live tcp rx 3500000
crossed_live udp rx 10
stop "$us_pid"
finish
