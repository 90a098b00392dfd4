#!/bin/bash
# haproxy with threads under the stack, in front of a kernel nginx.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/www"
head -c 20000000 /dev/urandom > "$tmp/www/file"
echo small > "$tmp/www/index.html"
cat > "$tmp/nginx.conf" <<EOF
daemon off; master_process off; pid $tmp/nginx.pid; error_log stderr;
events { }
http { access_log off; server { listen $host_ip:8000; root $tmp/www; } }
EOF
host_bg nginx -c "$tmp/nginx.conf"
wait_for 10 listening host 8000 || die "nginx does not listen"
cat > "$tmp/haproxy.cfg" <<EOF
global
    nbthread 4
    maxconn 500
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind $stack_ip:8080
    default_backend nginx
backend nginx
    server one $host_ip:8000 check
frontend raw
    mode tcp
    bind $stack_ip:8081
    default_backend raw
backend raw
    mode tcp
    server one $host_ip:8000
EOF
us_bg haproxy -db -f "$tmp/haproxy.cfg"
wait_for 10 us_listening 8080 || die "haproxy does not listen"
for port in 8080 8081; do
    case_ok "port $port: fetch 20 MB" in_host curl -sS -o "$tmp/got" "http://$stack_ip:$port/file"
    case_ok "port $port: same bytes" cmp "$tmp/www/file" "$tmp/got"
    in_host wrk -t1 -c32 -d2s "http://$stack_ip:$port/" > "$tmp/wrk"
    case_ok "port $port: wrk without errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk'"
done
crossed_live tcp tx 40000000
crossed_live tcp rx 40000000
stop "$us_pid"
finish
