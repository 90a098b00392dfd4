#!/bin/bash
# curl under the stack: 100 MB each way with checksums, 200 requests in parallel, an unreachable port.
. "$(dirname "$0")/lib.sh"

head -c 104857600 /dev/urandom > "$tmp/big"
sum=$(sha256sum < "$tmp/big" | cut -d' ' -f1)
cat > "$tmp/nginx.conf" <<CONF
daemon off; pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path $tmp/body; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
       server { listen 80; root $tmp; } }
CONF
host_bg nginx -c "$tmp/nginx.conf"
host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 80 || die "nginx does not listen"
wait_for 10 listening host 8000 || die "httpd.py does not listen"

case_ok "fetch 100 MB" us curl -sS -o "$tmp/got" "http://$host_ip/big"
case_eq "checksum" "$sum" "$(sha256sum < "$tmp/got" | cut -d' ' -f1)"
crossed "$stat" tcp rx 104857600
new_stat
case_eq "upload 100 MB, checksum" "$sum" "$(us curl -sS -T "$tmp/big" "http://$host_ip:8000/up")"
crossed "$stat" tcp tx 104857600
new_stat
head -c 20000 "$tmp/big" > "$tmp/small"
for i in $(seq 200); do printf 'url = "http://%s/small"\noutput = "%s/par.%s"\n' "$host_ip" "$tmp" "$i"; done > "$tmp/urls"
case_ok "200 requests in parallel" us curl -sS --parallel --parallel-max 200 --parallel-immediate -K "$tmp/urls"
same=0
for i in $(seq 200); do cmp -s "$tmp/small" "$tmp/par.$i" && same=$((same + 1)); done
case_eq "200 bodies right" 200 "$same"
crossed "$stat" tcp rx 4000000
new_stat
us curl -sS "http://$host_ip:81/" 2> "$tmp/err"
case_eq "refused: curl's exit status" 7 $?
finish
