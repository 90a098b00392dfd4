#!/bin/bash
# The keeper: what was written is delivered after the program is gone, whichever way it went; nobody waits for it, and it leaves.
. "$(dirname "$0")/lib.sh"
us_args+=(--keeper --fault "delay=100ms,seed=1")

keepers() { pgrep -f -c "userstack keeper" || true; }
sink() { # sink PORT OUT: takes one connection; how many bytes, which sum, how it ended
    in_host timeout 60 python3 - "$1" > "$2" <<'PY' &
import hashlib, socket, sys
l = socket.create_server(("", int(sys.argv[1])))
c, _ = l.accept()
h, n, end = hashlib.sha256(), 0, "fin"
try:
    while data := c.recv(65536):
        h.update(data)
        n += len(data)
except ConnectionResetError:
    end = "reset"
print(n, h.hexdigest(), end)
PY
    sink_pid=$!
    wait_for 10 listening host "$1" || die "the sink does not listen"
}
cat > "$tmp/writer.py" <<'PY'
import os, signal, socket, sys
data = open(sys.argv[1], "rb").read()
s = socket.create_connection(("10.77.0.1", int(sys.argv[2])))
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 20)
s.sendall(data)
print("done", flush=True)
if sys.argv[3] == "_exit":
    os._exit(0)
if sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
PY
head -c 10000000 /dev/urandom > "$tmp/data"
want="10000000 $(sha256sum < "$tmp/data" | cut -d' ' -f1) fin"
port=9200
for how in exit _exit kill; do
    port=$((port + 1))
    sink $port "$tmp/got.$how"
    new_stat
    start=${EPOCHREALTIME/./}
    # shellcheck disable=SC2034
    said=$(us python3 "$tmp/writer.py" "$tmp/data" $port $how)
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    case_eq "$how: it has run" "done" "$said"
    kill -0 "$sink_pid" 2>/dev/null && early=yes || early=no
    case_eq "$how: the program is gone before all is delivered (after $took ms)" yes "$early"
    wait "$sink_pid"
    case_eq "$how: 10 MB delivered" "$want" "$(cat "$tmp/got.$how")"
done
finish
