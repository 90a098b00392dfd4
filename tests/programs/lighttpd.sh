#!/bin/bash
# lighttpd under the stack, ab and curl from the kernel; ab under the stack.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/www"
head -c 20000000 /dev/urandom > "$tmp/www/file"
echo small > "$tmp/www/index.html"
cat > "$tmp/lighttpd.conf" <<EOF
server.document-root = "$tmp/www"
server.port = 8080
server.bind = "$stack_ip"
server.errorlog = "$tmp/error.log"
index-file.names = ("index.html")
EOF
us_bg lighttpd -D -f "$tmp/lighttpd.conf"
wait_for 10 us_listening 8080 || die "lighttpd does not listen"
case_ok "fetch 20 MB" in_host curl -sS -o "$tmp/got" "http://$stack_ip:8080/file"
case_ok "same bytes" cmp "$tmp/www/file" "$tmp/got"
in_host ab -q -n 1000 -c 20 "http://$stack_ip:8080/" > "$tmp/ab"
case_eq "ab: failed requests" 0 "$(awk '/^Failed requests/ { print $3 }' "$tmp/ab")"
case_eq "ab: complete requests" 1000 "$(awk '/^Complete requests/ { print $3 }' "$tmp/ab")"
in_host ab -q -k -n 5000 -c 20 "http://$stack_ip:8080/" > "$tmp/ab"
case_eq "ab -k: failed requests" 0 "$(awk '/^Failed requests/ { print $3 }' "$tmp/ab")"
crossed_live tcp tx 20000000
stop "$us_pid"

new_stat
host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
us ab -q -n 300 -c 10 "http://$host_ip:8000/10000" > "$tmp/ab"
case_eq "ab under the stack: complete" 300 "$(awk '/^Complete requests/ { print $3 }' "$tmp/ab")"
case_eq "ab under the stack: failed" 0 "$(awk '/^Failed requests/ { print $3 }' "$tmp/ab")"
crossed "$stat" tcp rx 3000000
finish
