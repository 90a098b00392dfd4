#!/bin/bash
# Clients under the stack against kernel servers: git, perl, dig, psql's refusal.
. "$(dirname "$0")/lib.sh"

# --- git over http (the dumb protocol: plain files)
git -c init.defaultBranch=main init -q "$tmp/repo"
head -c 3000000 /dev/urandom > "$tmp/repo/blob"
git -C "$tmp/repo" add blob
git -C "$tmp/repo" -c user.name=t -c user.email=t@example.org commit -qm one
git clone -q --bare "$tmp/repo" "$tmp/www.git"
git -C "$tmp/www.git" update-server-info
host_bg python3 -m http.server --directory "$tmp" --bind "$host_ip" 8000
wait_for 10 listening host 8000 || die "http.server does not listen"
case_ok "git clone" us git clone -q "http://$host_ip:8000/www.git" "$tmp/clone"
case_ok "git: same blob" cmp "$tmp/repo/blob" "$tmp/clone/blob"

# --- perl
new_stat
case_eq "perl IO::Socket" 3000000 "$(us perl -MIO::Socket::INET -e '
my $s = IO::Socket::INET->new(PeerAddr => shift, PeerPort => 8000) or die $!;
print $s "GET /repo/blob HTTP/1.0\r\n\r\n";
local $/; my $all = <$s>; $all =~ s/.*?\r\n\r\n//s; print length $all;' "$host_ip")"
crossed "$stat" tcp rx 3000000
stop "$host_pid"

# --- dig, over UDP and TCP
cat > "$tmp/dns.py" <<'PY'
import socket, struct, sys, threading
def answer(q):
    return q[:2] + b"\x85\x80" + q[4:6] + b"\0\1\0\0\0\0" + q[12:q.index(b"\0", 12) + 5] + \
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("192.0.2.7")
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 5300))
    while True:
        q, a = s.recvfrom(2000); s.sendto(answer(q), a)
threading.Thread(target=udp, daemon=True).start()
l = socket.create_server((sys.argv[1], 5300))
while True:
    c, _ = l.accept(); n = struct.unpack("!H", c.recv(2))[0]; r = answer(c.recv(n))
    c.sendall(struct.pack("!H", len(r)) + r); c.close()
PY
host_bg python3 "$tmp/dns.py" "$host_ip"
wait_for 10 listening host 5300 || die "dns.py does not listen"
new_stat
case_eq "dig" 192.0.2.7 "$(us dig +short -p 5300 "@$host_ip" example.test)"
crossed "$stat" udp rx 40
new_stat
case_eq "dig +tcp" 192.0.2.7 "$(us dig +tcp +short -p 5300 "@$host_ip" example.test)"
crossed "$stat" tcp rx 40
stop "$host_pid"

# --- a refused psql says what the kernel's does
case_ok "psql: refused" sh -c "'$top_srcdir/scripts/testbed' exec $TB stack -- '$userstack' run -i us0 -4 $stack_ip/24 -- \
    psql -h $host_ip -p 5499 -c 'select 1' 2>&1 | grep -q 'Connection refused'"
finish
