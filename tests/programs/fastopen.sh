#!/bin/bash
# TCP fast open between the kernel and the stack, each as client and as server: the second connection has its data in the SYN.
. "$(dirname "$0")/lib.sh"

in_host sysctl -qw net.ipv4.tcp_fastopen=3
cat > "$tmp/server.py" <<'PY'
import socket, sys
l = socket.socket()
l.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
l.bind((sys.argv[1], 7000))
l.listen(16)
while True:
    c, _ = l.accept()
    data = b""
    while more := c.recv(65536):
        data += more
    early = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5] & 32
    c.sendall(b"%d %d" % (early, len(data)))
    c.close()
PY
cat > "$tmp/client.py" <<'PY'
import errno, select, socket, sys
MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
to, how, size = (sys.argv[1], 7000), sys.argv[2], int(sys.argv[3])
def once():
    s = socket.socket()
    data = b"x" * size
    if how == "sendto":
        n = s.sendto(data, MSG_FASTOPEN, to)
    elif how == "nonblock":
        s.setblocking(False)
        try:
            n = s.sendto(data, MSG_FASTOPEN, to)
        except BlockingIOError as e:
            assert e.errno == errno.EINPROGRESS, e
            n = 0
        s.setblocking(True)
    else:
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        s.setblocking(False)
        r = s.connect_ex(to)
        assert r in (0, errno.EINPROGRESS), r
        s.setblocking(True)
        select.select([], [s], [])
        n = s.send(data)
    s.sendall(data[n:])
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while more := s.recv(100):
        answer += more
    mine = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5] & 32
    return "%d %s" % (mine, answer.decode())
once() if len(sys.argv) > 4 else None
print(once())
PY

host_bg python3 "$tmp/server.py" "$host_ip"
wait_for 10 listening host 7000 || die "the kernel's server does not listen"
case_eq "stack's client: the first SYN asks for a cookie" "0 0 10" \
    "$(us python3 "$tmp/client.py" "$host_ip" sendto 10)"
for how in sendto nonblock connect; do
    new_stat
    case_eq "stack's client, $how: data with the SYN" "32 32 10" \
        "$(us python3 "$tmp/client.py" "$host_ip" "$how" 10 twice)"
    case_eq "stack's client, $how: more than the SYN takes" "32 32 100000" \
        "$(us python3 "$tmp/client.py" "$host_ip" "$how" 100000 twice)"
    crossed "$stat" tcp tx 200000
done

new_stat
us_bg python3 "$tmp/server.py" "$stack_ip"
wait_for 10 us_listening 7000 || die "the stack's server does not listen"
for how in sendto nonblock connect; do
    case_eq "stack's server, $how: data with the SYN" "32 32 10" \
        "$(in_host python3 "$tmp/client.py" "$stack_ip" "$how" 10 twice)"
    case_eq "stack's server, $how: more than the SYN takes" "32 32 100000" \
        "$(in_host python3 "$tmp/client.py" "$stack_ip" "$how" 100000 twice)"
done
crossed_live tcp rx 300000
stop "$us_pid"
finish
