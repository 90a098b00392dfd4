#!/bin/bash
# wget under the stack: a download with checksum, and a thousand small ones over one connection.
. "$(dirname "$0")/lib.sh"

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
want=$(in_host curl -sS "http://$host_ip:8000/20000000" | sha256sum)
case_ok "fetch 20 MB" us wget -q -O "$tmp/got" "http://$host_ip:8000/20000000"
case_eq "checksum" "$want" "$(sha256sum < "$tmp/got")"
crossed "$stat" tcp rx 20000000
new_stat
for i in $(seq 200); do echo "http://$host_ip:8000/$((i * 10))"; done > "$tmp/list"
case_ok "200 URLs, one connection" us wget -q -O "$tmp/many" -i "$tmp/list"
case_eq "their sizes" 201000 "$(stat -c %s "$tmp/many")"
finish
