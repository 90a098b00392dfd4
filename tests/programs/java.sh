#!/bin/bash
# Java's HttpServer and HttpClient under the stack: AF_INET6 sockets that take IPv4 too.
. "$(dirname "$0")/lib.sh"
need_commands javac=default-jdk-headless

javac -d "$tmp" "$programs_dir/Web.java" || die "javac"
us_bg java -Xshare:auto -cp "$tmp" Web server 8080
wait_for 30 us_listening 8080 || die "HttpServer does not listen"
case_eq "HttpServer: 10 MB" 10000000 "$(in_host curl -sS "http://$stack_ip:8080/10000000" | wc -c)"
in_host wrk -t1 -c16 -d1s "http://$stack_ip:8080/100" > "$tmp/wrk"
case_ok "wrk: no errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk'"
crossed_live tcp tx 10000000
stop "$us_pid"

new_stat
host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
case_eq "HttpClient" 3000000 "$(us java -Xshare:auto -cp "$tmp" Web client "http://$host_ip:8000/3000000")"
crossed "$stat" tcp rx 3000000
finish
