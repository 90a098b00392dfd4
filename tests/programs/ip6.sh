#!/bin/bash
# IPv6 under the stack: ping from the kernel, curl, nginx, iperf3, redis, nc, UDP, a dual-stack listener, an address that somebody has, and a path with a smaller MTU behind a kernel router.
testbed_args=(-n 3)
. "$(dirname "$0")/lib.sh"

stack_ip6=fd77::2
host_ip6=fd77::1
us_args=(run -i us0 -4 "$stack_ip/24" -6 "$stack_ip6/64" --gw6 "$host_ip6")
far_ns=stack2

# The kernel routes to a host behind a link of 1300 bytes.
in_host sysctl -qw net.ipv6.conf.all.forwarding=1
in_host ip link add r0 mtu 1300 type veth peer name r1 mtu 1300 netns "$TB-$far_ns"
in_host ip -6 addr add fd88::1/64 nodad dev r0
in_host ip link set r0 up
in_far() { "$top_srcdir/scripts/testbed" exec "$TB" "$far_ns" -- "$@"; }
in_far ip -6 addr add fd88::2/64 nodad dev r1
in_far ip link set r1 up
in_far ip -6 route add fd77::/64 via fd88::1

# --- as a server
cat > "$tmp/nginx.conf" <<CONF
daemon off; master_process off; user root; pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { worker_connections 256; }
http { access_log off; sendfile on; client_body_temp_path $tmp/body; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
       server { listen [::]:80 ipv6only=off; root $tmp/www; } }
CONF
mkdir "$tmp/www"
head -c 20000000 /dev/urandom > "$tmp/www/big"
sum=$(sha256sum < "$tmp/www/big")
us_bg nginx -c "$tmp/nginx.conf"
wait_for 10 us_listening 80 || die "nginx does not listen: $(cat "$tmp/nginx.log")"
wait_for 10 in_host ping -6 -c 1 -W 1 "$stack_ip6" > "$tmp/ping" || die "no answer to ping"
case_ok "ping" in_host ping -6 -q -c 3 -i 0.2 -W 2 "$stack_ip6"
case_ok "ping -s 8000" in_host ping -6 -q -c 3 -i 0.2 -W 2 -s 8000 "$stack_ip6"
case_ok "ping -s 65000" in_host ping -6 -q -c 1 -W 2 -s 65000 "$stack_ip6"
case_ok "ping -f, 1000" in_host ping -6 -q -f -c 1000 "$stack_ip6"
case_eq "nginx" "$sum" "$(in_host curl -sS "http://[$stack_ip6]/big" | sha256sum)"
case_eq "the same listener over IPv4" "$sum" "$(in_host curl -sS "http://$stack_ip/big" | sha256sum)"
case_eq "over the narrow path" "$sum" "$(in_far curl -sS "http://[$stack_ip6]/big" | sha256sum)"
case_eq "closed UDP port: refused" refused "$(in_host python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(3); s.connect((sys.argv[1], 9))
s.send(b"x")
try:
    s.recv(10)
except ConnectionRefusedError:
    print("refused")' "$stack_ip6")"
case_eq "closed TCP port: refused" refused "$(in_host python3 -c '
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), 3)
except ConnectionRefusedError:
    print("refused")' "$stack_ip6")"
crossed_live tcp tx 60000000
stop "$us_pid"

new_stat
us_bg redis-server --bind :: --protected-mode no --save ""
wait_for 10 us_listening 6379 || die "redis does not listen"
wait_for 10 in_host ping -6 -c 1 -W 1 "$stack_ip6" > "$tmp/ping"
case_eq "redis" PONG "$(in_host redis-cli -h "$stack_ip6" ping)"
in_host redis-benchmark -h "$stack_ip6" -q -n 10000 -P 16 -t set,get > "$tmp/redis" 2>&1
case_ok "redis-benchmark" grep -q 'GET:' "$tmp/redis"
crossed_live tcp rx 100000
stop "$us_pid"

# --- as a client
new_stat
in_far python3 "$programs_dir/httpd.py" 8080 :: &
"$top_srcdir/scripts/testbed" exec "$TB" host -- python3 "$programs_dir/httpd.py" 8080 :: &
host_pid=$!
wait_for 10 listening host 8080 || die "httpd does not listen"
wait_for 10 listening "$far_ns" 8080 || die "httpd does not listen"
want=$(in_host curl -sS "http://[::1]:8080/5000000" | sha256sum)
case_eq "curl" "$want" "$(us curl -sS "http://[$host_ip6]:8080/5000000" | sha256sum)"
crossed "$stat" tcp rx 5000000
new_stat
case_ok "curl, upload over the narrow path" us curl -sS -o "$tmp/up" -T "$tmp/www/big" "http://[fd88::2]:8080/x"
case_eq "same bytes" "${sum%% *}" "$(cat "$tmp/up")"
crossed "$stat" tcp tx 20000000
new_stat
us python3 - "$host_ip6" > "$tmp/udp" <<'PY'
import errno, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(("fd88::2", 7))
s.setsockopt(socket.IPPROTO_IPV6, 23, 2)  # IPV6_MTU_DISCOVER, DO
s.send(b"x" * 1400)
for i in range(100):
    try:
        s.send(b"x" * 1400)
    except OSError as e:
        if e.errno == errno.EMSGSIZE:
            break
        if e.errno != errno.ECONNREFUSED:
            raise
    import time
    time.sleep(0.02)
print(s.getsockopt(socket.IPPROTO_IPV6, 24))  # IPV6_MTU
PY
case_eq "UDP: path MTU" 1300 "$(cat "$tmp/udp")"
new_stat
echo hello > "$tmp/hello"
host_bg nc -6 -l 9000
nc_pid=$host_pid
wait_for 10 listening host 9000
case_ok "nc" us nc -6 -N "$host_ip6" 9000 < "$tmp/hello"
crossed "$stat" tcp tx 6
wait "$nc_pid"
new_stat
host_bg iperf3 -s
iperf_pid=$host_pid
wait_for 10 listening host 5201 || die "iperf3 does not listen"
case_ok "iperf3, out" us iperf3 -6 -c "$host_ip6" -t 2 -J --logfile "$tmp/out"
crossed "$stat" tcp tx 100000000
new_stat
case_ok "iperf3, in" us iperf3 -6 -c "$host_ip6" -t 2 -R -J --logfile "$tmp/in"
crossed "$stat" tcp rx 100000000
new_stat
case_ok "iperf3, UDP" us iperf3 -6 -c "$host_ip6" -t 1 -u -b 100M -J --logfile "$tmp/udpf"
crossed "$stat" udp tx 5000000
stop "$iperf_pid"

# --- somebody has it
in_host ip -6 addr add fd77::9/64 nodad dev kh0
us_args=(run -i us0 -4 "$stack_ip/24" -6 fd77::9/64)
us curl -sS --max-time 5 "http://[$host_ip6]:8080/5" > "$tmp/dup" 2>&1
case_ok "address in use: said so" grep -q 'fd77::9 on us0 is in use' "$tmp/dup"
finish
