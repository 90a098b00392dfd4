#!/bin/bash
# Names over the stack: the answers of dnsmasq and of a server that behaves badly, the same questions asked by libc over the
# kernel and through the stack, and what the two say line by line. Then programs: python3, curl.
. "$(dirname "$0")/lib.sh"

us_tb=$TB
testbed_up
kernel_tb=$TB
probe="$top_builddir/tests/programs/names_probe"
on_exit "rm -rf /etc/netns/$us_tb-stack /etc/netns/$kernel_tb-stack"

# ip netns exec puts these files in the place of /etc's.
etc() { # FILE: from standard input, in both
    local text tb
    text=$(cat)
    for tb in "$us_tb" "$kernel_tb"; do
        mkdir -p "/etc/netns/$tb-stack"
        echo "$text" > "/etc/netns/$tb-stack/$1"
    done
}
etc hosts <<'TXT'
127.0.0.1 localhost
10.77.0.9 filed.test filed nick
10.77.0.10 FILED.test second
fd77::9 filed.test
::1 six.test
# 10.77.0.11 commented.test
10.77.0.12 tab.test	comment # behind
bad.address wrong.test
TXT
etc nsswitch.conf <<< "hosts: files dns"
resolv() { etc resolv.conf; }
resolv <<'TXT'
nameserver 10.77.0.1
search sub.test test
options timeout:1 attempts:2
TXT

"$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- sh -c '
    ip link set us0 arp on && ip addr add 10.77.0.2/24 brd + dev us0'
for TB in "$us_tb" "$kernel_tb"; do
    in_host ip addr add 10.77.0.53/24 dev kh0
    in_host python3 "$programs_dir/names_server.py" 10.77.0.53 53 > "$tmp/bad-$TB.log" &
    in_host dnsmasq --keep-in-foreground --no-resolv --no-hosts --bind-interfaces --listen-address=10.77.0.1 \
        --user=root --pid-file= --local=/test/ --server=/bad.test/10.77.0.53 --local=/in-addr.arpa/ \
        --host-record=web.test,10.77.0.1 --host-record=only4.test,10.77.0.1 \
        --host-record=both.test,10.77.0.1,fd77::1 --host-record=only6.test,fd77::1 \
        --address=/far.test/192.0.2.1 --address=/far.test/10.77.0.5 --host-record=deep.sub.test,10.77.0.6 \
        --cname=alias.test,web.test --cname=twice.test,alias.test --cname=dead.test,nowhere.invalid \
        --txt-record=text.test,hello --ptr-record=20.0.77.10.in-addr.arpa,back.test \
        --mx-host=mail.test,web.test,10 > "$tmp/dnsmasq-$TB.log" 2>&1 &
done
for TB in "$us_tb" "$kernel_tb"; do
    wait_for 10 sh -c "'$top_srcdir/scripts/testbed' exec $TB host -- ss -Hlun 'sport = :53' | grep -c . | grep -qx 2" ||
        die "the name servers do not start: $(cat "$tmp/dnsmasq-$TB.log")"
done
TB=$us_tb

# compare NAME < QUESTIONS
compare() {
    cat > "$tmp/questions"
    "$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- timeout 100 "$probe" < "$tmp/questions" > "$tmp/kernel" 2>&1 &
    local kernel_run=$!
    timeout 100 "$top_srcdir/scripts/testbed" exec "$us_tb" stack -- "$userstack" "${us_args[@]}" --stat-file "$stat" -- \
        "$probe" < "$tmp/questions" > "$tmp/us" 2>&1
    wait $kernel_run
    if diff -u "$tmp/kernel" "$tmp/us" > "$tmp/diff" && [ -s "$tmp/us" ]; then
        pass "$1: $(wc -l < "$tmp/us") answers alike"
    else
        fail "$1 (libc over the kernel -, over the stack +)"
        sed 's/^/    /' "$tmp/diff"
    fi
}

new_stat
compare "hints, numbers, services, files" <<'TXT'
gai - - 0 0 0 0
gai - 80 0 1 0 1
gai - 80 0 1 0 0
gai - http 4 0 0 0
gai 127.0.0.1 80 0 1 0 0
gai ::1 80 0 1 0 0
gai ::1 80 4 1 0 0
gai 1.2.3.4 80 6 1 0 8
gai 1.2.3.4 80 6 1 0 0
gai 1.2 80 0 1 0 4
gai web.test 80 0 1 0 4
gai 10.0.0.1 no-such-service 0 1 0 0
gai web.test no-such-service 0 1 0 0
gai web.test 80 0 1 17 0
gai web.test 80 0 77 0 0
gai web.test 80 99 0 0 0
gai web.test 80 0 0 0 100000
gai - 80 0 0 0 2
gai 10.0.0.1 80 0 0 0 2
gai web.test http 0 1 0 400
gai web.test 99999 0 1 0 400
gai filed.test 80 0 1 0 0
gai filed.test 80 4 1 0 2
gai FILED.TEST 80 6 1 0 2
gai nick 80 0 0 0 2
gai second 80 0 2 0 2
gai six.test 80 4 1 0 0
gai commented.test 80 0 1 0 0
gai comment 80 0 1 0 0
gai wrong.test 80 0 1 0 0
gai localhost 80 0 1 0 0
gai filed.test 80 0 3 0 0
gai filed.test - 0 3 0 0
host 10.0.0.1 4
host 10.0.0.1 6
host 10.0.0 4
host 1.2.3.4.5 4
host ::1 4
host ::1 6
host filed.test 4
host filed.test 6
host second 4
host six.test 4
addr 10.77.0.9
addr 10.77.0.10
addr fd77::9
addr ::
info 10.77.0.9 80 0 255
info 10.77.0.9 80 0 5
info 10.77.0.9 80 1 255
info 10.77.0.9 80 3 255
info 10.77.0.9 80 8 255
info 10.77.0.9 53 10 255
info fd77::9 80 0 255
info 10.77.0.9 80 10000 255
TXT

compare "DNS" <<'TXT'
gai web.test 80 0 1 0 0
gai web.test 80 0 0 0 -
gai web.test http 0 1 0 2
gai web.test 80 0 1 0 20
gai web.test. 80 0 1 0 2
gai WEB.test 80 4 1 0 2
gai web 80 0 1 0 2
gai deep 80 0 1 0 2
gai deep.sub 80 0 1 0 2
gai only4.test 80 6 1 0 0
gai only4.test 80 6 1 0 8
gai only4.test 80 6 1 0 18
gai only6.test 80 4 1 0 0
gai only6.test 80 6 1 0 2
gai both.test 80 4 1 0 0
gai both.test 80 6 1 0 0
gai both.test 80 6 1 0 18
gai far.test 80 4 1 0 0
gai alias.test 80 0 1 0 2
gai twice.test 80 0 1 0 2
gai dead.test 80 0 1 0 2
gai dead.test 80 4 1 0 0
gai dead.test 80 6 1 0 0
gai nowhere.test 80 0 1 0 0
gai nowhere.test 80 4 1 0 0
gai nowhere.test 80 6 1 0 8
gai only6.test 80 4 1 0 2
gai nowhere 80 0 1 0 0
gai text.test 80 0 1 0 0
gai a..b 80 0 1 0 0
gai .test 80 0 1 0 0
gai xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test 80 0 1 0 0
gai one.bad.test 80 0 1 0 0
gai trunc.bad.test 80 4 1 0 0
gai edns.bad.test 80 4 1 0 0
gai wrong.bad.test 80 4 1 0 0
gai half.bad.test 80 0 1 0 0
gai slow.bad.test 80 4 1 0 0
host web.test 4
host web.test 6
host web 4
host only6.test 6
host alias.test 4
host twice.test 4
host dead.test 4
host nowhere.test 4
host text.test 4
addr 10.77.0.20
addr 10.77.0.21
info 10.77.0.20 80 0 255
info 10.77.0.21 80 0 255
info 10.77.0.21 80 8 255
info 10.77.0.20 80 4 255
query web.test 1
query web.test 28
query text.test 16
query mail.test 15
query nowhere.test 1
query web 1
query trunc.bad.test 1
query formerr.bad.test 1
search web 1
search nowhere 1
search deep 1
domain web test 1
domain nowhere test 1
query a..b 1
TXT
crossed "$stat" udp rx 1000
crossed "$stat" udp tx 1000
crossed "$stat" tcp rx 900 # a truncated answer, again over TCP

compare "SERVFAIL, refused, no answer" <<'TXT'
gai servfail.bad.test 80 0 1 0 0
gai refused.bad.test 80 0 1 0 0
gai refused.bad.test 80 4 1 0 0
search servfail.bad 1
search refused.bad 1
gai formerr.bad.test 80 0 1 0 0
gai servfail.bad.test 80 4 1 0 0
gai servfail.bad.test 80 6 1 0 0
gai servfail.bad.test 80 6 1 0 8
gai silent.bad.test 80 0 1 0 0
gai silent.bad.test 80 4 1 0 0
gai silent.bad.test 80 4 1 0 2
gai silent.bad.test 80 6 1 0 0
host servfail.bad.test 4
host silent.bad.test 4
query servfail.bad.test 1
query refused.bad.test 1
info 192.0.2.1 80 0 255
TXT

# The bad server directly, without dnsmasq's manners, and options of resolv.conf.
resolv <<'TXT'
nameserver 10.77.0.53
options timeout:1 attempts:2 edns0 ndots:2
search bad.test
TXT
compare "EDNS, ndots" <<'TXT'
gai one.bad.test 80 4 1 0 2
gai one 80 4 1 0 2
gai trunc.bad.test 80 4 1 0 0
gai wrong.bad.test 80 4 1 0 0
gai servfail.bad.test 80 0 1 0 0
TXT
case_eq "a server that does not know EDNS is asked without it" \
    "gai edns.bad.test 80 4 1 0 0: ok {2 1 6 0 16 192.0.2.7:80}" "$(us "$probe" <<< 'gai edns.bad.test 80 4 1 0 0' 2>&1)"
case_ok "the question had an OPT record" grep -q "udp one.bad.test 1 edns" "$tmp/bad-$us_tb.log"
resolv <<'TXT'
nameserver 10.77.0.99
nameserver 10.77.0.53
options timeout:1 attempts:1 use-vc
TXT
compare "the second server, over TCP" <<'TXT'
gai vc.bad.test 80 4 1 0 0
TXT
case_ok "asked over TCP" grep -q "tcp vc.bad.test" "$tmp/bad-$us_tb.log"

resolv <<'TXT'
nameserver 127.0.0.1
options timeout:1 attempts:1
TXT
compare "no server there" <<'TXT'
gai one.bad.test 80 0 1 0 0
gai one.bad.test 80 4 1 0 0
gai one.bad.test 80 6 1 0 0
host one.bad.test 4
query one.bad.test 1
TXT

etc nsswitch.conf <<< "hosts: resolve [!UNAVAIL=return] files [NOTFOUND=return] dns"
compare "nsswitch.conf: files alone" <<'TXT'
gai filed.test 80 4 1 0 0
gai one.bad.test 80 4 1 0 0
TXT
etc nsswitch.conf <<< "hosts: dns files"

# USERSTACK_DNS goes before resolv.conf.
us_args+=(--dns 10.77.0.1)
case_eq "USERSTACK_DNS" "gai web.test 80 4 1 0 0: ok {2 1 6 0 16 10.77.0.1:80}" \
    "$(us "$probe" <<< 'gai web.test 80 4 1 0 0' 2>&1)"

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
new_stat
case_eq "curl by name" 1000 "$(us curl -sS http://web.test:8000/1000 2>&1 | wc -c)"
crossed "$stat" udp rx 30
crossed "$stat" tcp rx 1000
new_stat
case_eq "python3 socket.getaddrinfo" "10.77.0.1 web.test" \
    "$(us python3 -c '
import socket
a = socket.getaddrinfo("alias.test", 80, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
print(a[0][4][0], a[0][3])' 2>&1)"
crossed "$stat" udp rx 30

# A resolver on the loopback address is the kernel's, late choice and all.
us_args=("${us_args[@]/#10.77.0.1/127.0.0.53}")
"$top_srcdir/scripts/testbed" exec "$us_tb" stack -- python3 "$programs_dir/names_server.py" 127.0.0.53 53 > "$tmp/local.log" &
wait_for 10 sh -c "'$top_srcdir/scripts/testbed' exec $us_tb stack -- ss -Hlun 'sport = :53' | grep -q ." || die "no local server"
case_eq "a resolver at 127.0.0.53" "gai one.bad.test 80 4 1 0 0: ok {2 1 6 0 16 192.0.2.7:80}" \
    "$(us "$probe" <<< 'gai one.bad.test 80 4 1 0 0' 2>&1)"
finish
