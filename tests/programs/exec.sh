#!/bin/bash
# Sockets that a new program inherits: as its standard input and output, at their numbers, through a cleaned environment; and what it must not get.
. "$(dirname "$0")/lib.sh"

ask() { printf '%s\n' "$2" | in_host timeout 10 socat -t 5 - "TCP:$stack_ip:$1"; }
serve() { # serve PORT PROGRAM...
    us_bg "${@:2}"
    wait_for 10 us_listening "$1" || die "$2 does not listen on $1"
}
slab_is() {
    in_stack "$userstack" stat --json > "$tmp/live.json" && [ "$(python3 - "$tmp/live.json" "$1" <<'PY'
import json, sys
print(json.load(open(sys.argv[1]))["pools"].get(sys.argv[2], 0))
PY
)" -eq "$2" ]; }

cat > "$tmp/sub.py" <<'PY'
# each connection's socket is the standard input and output of a program
import socket, subprocess, sys
l = socket.create_server(("", 7100))
while True:
    c, _ = l.accept()
    subprocess.run(sys.argv[1:], stdin=c, stdout=c)
    c.close()
PY
serve 7100 python3 "$tmp/sub.py" python3 -c 'import os
d = os.read(0, 100); os.write(1, b"[" + d.strip() + b"]\n")'
case_eq "python subprocess: socket as stdin and stdout" "[hello]" "$(ask 7100 hello)"
case_eq "and again" "[again]" "$(ask 7100 again)"
case_ok "no process is left" wait_for 10 slab_is processes 1
case_ok "no socket but the listener is left" wait_for 10 slab_is sockets 1
crossed_live tcp rx 12
stop "$us_pid"

new_stat
serve 7100 python3 "$tmp/sub.py" env -i python3 -c 'import os
os.write(1, b"env " + os.read(0, 100))'
case_eq "env -i between" "env x" "$(ask 7100 x)"
stop "$us_pid"

new_stat
serve 7100 python3 "$tmp/sub.py" bash -c 'exec 3>&1; cat >&3'
case_eq "bash: a redirected socket for a child of the child" "a b" "$(ask 7100 $'a\nb' | tr '\n' ' ' | sed 's/ $//')"
stop "$us_pid"

cat > "$tmp/self.py" <<'PY'
# listens, becomes itself again with the listener, and serves then; the closed-on-exec one is not there
import os, socket, sys
if len(sys.argv) == 1:
    l = socket.create_server(("", 7101))
    gone = socket.create_server(("", 7102))
    l.set_inheritable(True)
    try:
        os.execv("/nonexistent", ["x"])
    except FileNotFoundError:
        pass
    gone.getsockname()
    os.execv(sys.executable, [sys.executable, sys.argv[0], str(l.fileno()), str(gone.fileno())])
l = socket.socket(fileno=int(sys.argv[1]))
try:
    socket.socket(fileno=int(sys.argv[2]))
    there = b"there"
except OSError:
    there = b"gone"
while True:
    c, _ = l.accept()
    c.sendall(there + b" " + c.recv(100))
    c.close()
PY
new_stat
serve 7101 python3 "$tmp/self.py"
case_eq "exec of itself with a listener" "gone hi" "$(ask 7101 hi)"
case_ok "what is closed on exec is closed" wait_for 10 slab_is sockets 1
stop "$us_pid"
finish
