#!/bin/bash
# stdio on sockets: a filter that inherits a connection as its stdin and stdout, and bash's redirections to /dev/tcp.
. "$(dirname "$0")/lib.sh"

us_bg socat TCP-LISTEN:7000,reuseaddr EXEC:"sed -u s/world/stack/",nofork
wait_for 10 us_listening 7000 || die "socat does not listen"
case_eq "sed on an inherited connection" "hello stack" \
    "$(in_host timeout 20 sh -c "printf 'hello world\n' | nc -N $stack_ip 7000")"
stop "$us_pid"

host_bg python3 "$programs_dir/httpd.py" 8000 2> "$tmp/httpd.log"
wait_for 10 listening host 8000 || die "httpd.py does not listen"
new_stat
case_eq "bash: printf to /dev/tcp and back to the terminal" "written 200" "$(us timeout 20 bash -c '
    exec 3<>"/dev/tcp/$0/8000" || exit
    printf "GET /1000 HTTP/1.0\r\n" >&3
    printf "\r\n" >&3
    printf "written "
    read -r _ code _ <&3
    echo "$code"' "$host_ip" 2>&1)"
crossed "$stat" tcp rx 15
finish
