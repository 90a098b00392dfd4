#!/bin/bash
# nginx under the stack: 100 MB with checksum, small files under load with wrk, and as a proxy to a kernel server on 127.0.0.1 (late choice under epoll).
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/www"
head -c 104857600 /dev/urandom > "$tmp/www/big"
head -c 1024 /dev/urandom > "$tmp/www/small"
cat > "$tmp/nginx.conf" <<CONF
daemon off; master_process off; user root; pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; client_body_temp_path $tmp/body; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
       client_max_body_size 200m;
       server { listen 80; root $tmp/www;
                location /back/ { proxy_pass http://127.0.0.1:8000/; proxy_request_buffering off; } } }
CONF
us_bg nginx -c "$tmp/nginx.conf"
wait_for 10 us_listening 80 || die "nginx does not listen: $(cat "$tmp/nginx.log")"
case_ok "fetch 100 MB" in_host curl -sS -o "$tmp/got" "http://$stack_ip/big"
case_ok "same bytes" cmp "$tmp/www/big" "$tmp/got"
crossed_live tcp tx 104857600

in_host wrk -t2 -c64 -d3s "http://$stack_ip/small" > "$tmp/wrk"
grep -E 'Requests/sec|Socket errors|Non-2xx' "$tmp/wrk"
# shellcheck disable=SC2016
case_ok "wrk: some thousand requests" awk '/requests in/ { exit !($1 > 3000) }' "$tmp/wrk"
case_ok "wrk: no errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk'"
in_host wrk -t2 -c64 -d2s -H 'Connection: close' "http://$stack_ip/small" > "$tmp/wrk2"
grep -E 'Requests/sec|Socket errors|Non-2xx' "$tmp/wrk2"
case_ok "wrk, a connection a request: no errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk2'"

# The backend is the kernel's: in the stack's namespace, on its loopback.
"$top_srcdir/scripts/testbed" exec "$TB" stack -- python3 "$programs_dir/httpd.py" 8000 &
wait_for 10 listening stack 8000 || die "backend does not listen"
want=$(in_stack curl -sS http://127.0.0.1:8000/5000000 | sha256sum)
case_eq "proxy to 127.0.0.1" "$want" "$(in_host curl -sS "http://$stack_ip/back/5000000" | sha256sum)"
sum=$(head -c 5000000 "$tmp/www/big" | sha256sum | cut -d' ' -f1)
head -c 5000000 "$tmp/www/big" > "$tmp/part"
case_eq "upload through the proxy" "$sum" "$(in_host curl -sS -T "$tmp/part" "http://$stack_ip/back/x")"
stop "$us_pid"
finish
