#!/bin/bash
# redis-server under the stack with redis-benchmark from the kernel; redis-cli under the stack.
. "$(dirname "$0")/lib.sh"

us_bg redis-server --port 6379 --bind 10.77.0.2 --save '' --appendonly no --protected-mode no --dir "$tmp"
wait_for 10 us_listening 6379 || die "redis does not listen"
in_host redis-benchmark -h "$stack_ip" -t set,get -n 20000 -c 50 -d 100 --csv > "$tmp/bench"
sed 's/^/  /' "$tmp/bench"
case_eq "redis-benchmark: two results" 2 "$(grep -cE '^"(SET|GET)"' "$tmp/bench")"
case_eq "big value" 5000000 "$(in_host sh -c "head -c 5000000 /dev/zero | redis-cli -h $stack_ip -x set big >/dev/null; redis-cli -h $stack_ip strlen big")"
crossed_live tcp rx 7000000
stop "$us_pid"

new_stat
in_host redis-server --port 6380 --bind 10.77.0.1 --save '' --appendonly no --protected-mode no --dir "$tmp" > "$tmp/redis.log" &
wait_for 10 listening host 6380 || die "kernel redis does not listen"
case_eq "redis-cli" PONG "$(us redis-cli -h "$host_ip" -p 6380 ping)"
crossed "$stat" tcp rx 5
finish
