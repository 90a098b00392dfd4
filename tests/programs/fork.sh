#!/bin/bash
# Servers that fork for each connection or in advance, children that outlive their parent, and processes that are killed: the peers see FIN or RST, and nothing is left.
. "$(dirname "$0")/lib.sh"

slab_of() { # slab_of NAME: objects in use
    in_stack "$userstack" stat --json > "$tmp/live.json" && python3 - "$tmp/live.json" "$1" <<'PY'
import json, sys
print(json.load(open(sys.argv[1]))["pools"].get(sys.argv[2], 0))
PY
}
slab_is() { [ "$(slab_of "$1")" -eq "$2" ]; }

cat > "$tmp/prefork.py" <<'PY'
# 4 processes accept from one listener and echo; "die" kills the worker with the connection open
import os, signal, socket, sys
l = socket.create_server(("", 7000), backlog=128)
kids = []
for _ in range(4):
    kids.append(os.fork())
    if kids[-1] == 0:
        while True:
            c, _ = l.accept()
            while data := c.recv(65536):
                if data == b"die":
                    os.kill(os.getpid(), signal.SIGKILL)
                if data == b"exit":
                    os._exit(0)
                c.sendall(str(os.getpid()).encode() + b" " + data)
            c.close()
def end(*_):
    for k in kids:
        os.kill(k, signal.SIGTERM)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    signal.pause()
PY
cat > "$tmp/ask.py" <<'PY'
import socket, sys, time
s = socket.create_connection(("10.77.0.2", 7000), timeout=10)
s.sendall(sys.argv[1].encode())
t = time.time()
try:
    d = s.recv(100)
except ConnectionResetError:
    d = b"reset"
print(d.decode().split(" ")[-1] if d else "eof")
sys.exit(time.time() - t > 3)
PY
us_bg python3 "$tmp/prefork.py"
wait_for 10 us_listening 7000 || die "prefork.py does not listen"
base=$(slab_of sockets)
for i in 1 2 3 4 5 6 7 8; do
    case_eq "prefork: echo $i" "hello$i" "$(in_host python3 "$tmp/ask.py" "hello$i")"
done
case_eq "prefork: a worker that exits" eof "$(in_host python3 "$tmp/ask.py" exit)"
case_eq "prefork: a worker that is killed" eof "$(in_host python3 "$tmp/ask.py" die)"
case_eq "prefork: the others go on" hi "$(in_host python3 "$tmp/ask.py" hi)"
case_ok "prefork: no socket is left" wait_for 10 slab_is sockets "$base"
case_ok "prefork: no process is left" wait_for 10 slab_is processes 3
stop "$us_pid"

cat > "$tmp/many.sh" <<'SH'
exec socat TCP-LISTEN:7001,fork,reuseaddr SYSTEM:'tr a-z A-Z'
SH
us_bg bash "$tmp/many.sh"
wait_for 10 us_listening 7001 || die "socat does not listen"
for i in 1 2 3 4 5 6 7 8 9 10; do
    echo "hello $i" | in_host timeout 10 socat -t 5 - "TCP:$stack_ip:7001" > "$tmp/socat.$i" &
    pids[i]=$!
done
for i in 1 2 3 4 5 6 7 8 9 10; do wait "${pids[i]}"; done
case_eq "socat fork: 10 at once" 10 "$(cat "$tmp"/socat.* | grep -c '^HELLO')"
crossed_live tcp rx 60
stop "$us_pid"
finish
