#!/bin/bash
# rsync under the stack, whose receiver is a forked process, from a kernel daemon; then the daemon.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/src"
head -c 5000000 /dev/urandom > "$tmp/src/a"
cat > "$tmp/rsyncd.conf" <<EOF
use chroot = no
pid file = $tmp/rsyncd.pid
[mod]
    path = $tmp/src
    uid = 0
    gid = 0
EOF
host_bg rsync --daemon --no-detach --port 8730 --config "$tmp/rsyncd.conf"
wait_for 10 listening host 8730 || die "rsync does not listen"
new_stat
case_ok "rsync" us rsync -a "rsync://$host_ip:8730/mod/" "$tmp/dst/"
case_ok "rsync: same bytes" cmp "$tmp/src/a" "$tmp/dst/a"
crossed "$stat" tcp rx 5000000
stop "$host_pid"


sed -i "s/^port.*//" "$tmp/rsyncd.conf"
new_stat
us_bg rsync --daemon --no-detach --port 8731 --config "$tmp/rsyncd.conf"
wait_for 10 us_listening 8731 || die "rsync does not listen"
case_ok "daemon" in_host rsync -a "rsync://$stack_ip:8731/mod/" "$tmp/dst2/"
case_ok "daemon: same bytes" cmp "$tmp/src/a" "$tmp/dst2/a"
crossed_live tcp tx 5000000
stop "$us_pid"
finish
