#!/bin/bash
# The end of a program: what was written is delivered before it is gone, a second signal ends the wait, and its exit status stays its own.
. "$(dirname "$0")/lib.sh"

cat > "$tmp/sink.py" <<'PY'
import hashlib, socket, sys
l = socket.create_server(("", 9100))
c, _ = l.accept()
h, n = hashlib.sha256(), 0
while data := c.recv(65536):
    h.update(data)
    n += len(data)
print(n, h.hexdigest(), flush=True)
PY
cat > "$tmp/writer.py" <<'PY'
import os, socket, sys
data = open(sys.argv[1], "rb").read()
s = socket.create_connection(("10.77.0.1", 9100))
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 20)
s.sendall(data)
if sys.argv[2] == "_exit":
    os._exit(7)
sys.exit(7)
PY
head -c 3000000 /dev/urandom > "$tmp/data"
want="3000000 $(sha256sum < "$tmp/data" | cut -d' ' -f1)"
us_args+=(--fault "delay=50ms,seed=1")

for how in exit _exit; do
    in_host python3 "$tmp/sink.py" > "$tmp/got" &
    sink=$!
    wait_for 10 listening host 9100 || die "sink.py does not listen"
    us python3 "$tmp/writer.py" "$tmp/data" $how
    case_eq "$how: exit status" 7 $?
    wait "$sink"
    case_eq "$how at once, 50 ms away: all delivered" "$want" "$(cat "$tmp/got")"
done

# A peer that never acknowledges: the wait ends by a signal.
in_host nft -f - <<'NFT'
table ip t { chain in { type filter hook input priority 0; tcp dport 9101 ct state established drop; } }
NFT
in_host python3 -c 'import socket,time; l = socket.create_server(("", 9101)); time.sleep(60)' &
host_py=$!
wait_for 10 listening host 9101 || die "python does not listen"
us_bg python3 -c '
import socket
s = socket.create_connection(("10.77.0.1", 9101)); s.sendall(b"x" * 1000); print("written", flush=True)' > "$tmp/out"
wait_for 10 grep -q written "$tmp/out"
# shellcheck disable=SC2317  # wait_for calls it
lingers() { in_stack "$userstack" stat --json > "$tmp/live.json" && [ "$(stat_value "$tmp/live.json" tcp.orphans)" -ge 1 ]; }
case_ok "the program waits for delivery" wait_for 10 lingers
kill -INT "$us_pid" 2>/dev/null
start=$SECONDS
wait "$us_pid"
case_ok "a signal ends the wait for a dead peer" test $((SECONDS - start)) -lt 20
kill "$host_py" 2>/dev/null
finish
