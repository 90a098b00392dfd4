#!/bin/bash
# shellcheck disable=SC2317,SC2030,SC2031,SC2054  # called by wait_for; changes for one command; commas meant
# USERSTACK_IP4=dhcp against dnsmasq: a lease and what it brings, renewal, a server that goes and comes back, another machine with
# the leased address, a link that loses a fifth of all frames.
testbed_args=(-n 3)
. "$(dirname "$0")/lib.sh"
need_commands dnsmasq=dnsmasq-base

# serve ARGS...: a DHCP server in the kernel's namespace, its log in $tmp/dns.log; sets server_pid.
serve() {
    host_bg dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --port=0 --no-resolv --no-hosts --no-ping \
        --interface=kh0 --bind-interfaces --log-dhcp --log-facility="$tmp/dns.log" --dhcp-leasefile="$tmp/leases" \
        --dhcp-range=10.77.0.100,10.77.0.120,255.255.255.0,10m --dhcp-authoritative "$@"
    server_pid=$host_pid
}
in_stack2() { "$top_srcdir/scripts/testbed" exec "$TB" stack2 -- "$@"; }
ss_says() { in_stack "$userstack" ss | grep -qE "$1"; }
traced() { grep -qE "$1" "$tmp/trace"; }
logged() { grep -qE "$1" "$tmp/dns.log"; }
dhcp_value() { in_stack "$userstack" stat --json > "$tmp/live.json" && stat_value "$tmp/live.json" "dhcp.$1"; }
dhcp_at_least() { [ "$(dhcp_value "$1")" -ge "$2" ]; }

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
want=$(in_host curl -sS "http://$host_ip:8000/300000" | sha256sum)
in_host ip addr add 192.0.2.1/32 dev lo
in_host ip addr add 198.51.100.1/32 dev lo
us_args=(run -i us0 -4 dhcp --trace dhcp --trace-file "$tmp/trace")

# --- nobody answers: takes its 30 s beside the rest
in_stack2 ip link add lone0 type veth peer name lone1
in_stack2 ip link set lone0 up
in_stack2 ip link set lone1 up
"$top_srcdir/scripts/testbed" exec "$TB" stack2 -- timeout 60 "$userstack" run -i lone0 -4 dhcp -- \
    curl -sS "http://$host_ip:8000/1" > "$tmp/out" 2> "$tmp/none.err" &
none_pid=$!

# --- a lease, and what it brings
serve --dhcp-option=option:router,10.77.0.1 --dhcp-option=option:mtu,1400 --dhcp-option=option:dns-server,10.77.0.1 \
    --domain=example.test
case_eq "lease: curl" "$want" "$(us curl -sS "http://$host_ip:8000/300000" | sha256sum)"
crossed "$stat" tcp rx 300000
case_eq "state BOUND" BOUND "$(stat_value "$stat" dhcp.state)"
case_ok "trace: the states" traced "SELECTING -> REQUESTING"
case_ok "trace: lease, router, DNS, domain, MTU" traced "lease 10\.77\.0\.1[0-2][0-9]/24 for 600 s from 10\.77\.0\.1 via 10\.77\.0\.1 dns 10\.77\.0\.1 domain example\.test mtu 1400"
first=$(stat_value "$stat" dhcp.address)
new_stat
case_eq "router: a destination behind it" "$want" "$(us curl -sS "http://192.0.2.1:8000/300000" | sha256sum)"
case_eq "the same address the next time" "$first" "$(stat_value "$stat" dhcp.address)"
new_stat
: > "$tmp/dns.log"
case_eq "release at exit: curl" "$want" "$(us_args+=(-4 dhcp,release); us curl -sS "http://$host_ip:8000/300000" | sha256sum)"
case_ok "release at exit: the server heard it" wait_for 5 logged "DHCPRELEASE\(kh0\) $first"
stop "$server_pid"

# --- classless routes count, the router does not; a short T1: renewals while a server of ours runs
new_stat
serve --dhcp-option=option:router,10.77.0.99 --dhcp-option=option:classless-static-route,198.51.100.0/24,10.77.0.1 \
    --dhcp-option=option:T1,3 --dhcp-option=option:T2,20
us_bg python3 "$programs_dir/httpd.py" 8001
wait_for 40 us_listening 8001 || fail "httpd.py under the stack does not listen"
case_ok "ss shows the lease" ss_says "dhcp lease from 10\.77\.0\.1, [0-9]+ of 600 s left"
leased=$(dhcp_value address)
case_eq "server at the leased address" "$want" "$(in_host curl -sS "http://$leased:8001/300000" | sha256sum)"
case_ok "classless route: reached over it" test "$(in_host curl -sS --interface 198.51.100.1 "http://$leased:8001/300000" | sha256sum)" = "$want"
case_ok "two renewals" wait_for 20 dhcp_at_least renewals 2
stop "$server_pid"
: > "$tmp/trace"
case_ok "server gone: asks again" wait_for 30 traced "REQUEST sent to 10\.77\.0\.1 .*try 2"
case_eq "server gone: the lease still holds" "$want" "$(in_host curl -sS "http://$leased:8001/300000" | sha256sum)"
before=$(dhcp_value renewals)
serve --dhcp-option=option:T1,3 --dhcp-option=option:T2,20
case_ok "server back: renewed" wait_for 40 dhcp_at_least renewals $((before + 1))
case_eq "the same address all the time" "$leased" "$(dhcp_value address)"
crossed_live tcp tx 900000
stop "$us_pid"
stop "$server_pid"

# --- the server comes late
new_stat
{ sleep 3; exec "$top_srcdir/scripts/testbed" exec "$TB" host -- true; } &
late=$!
us curl -sS "http://$host_ip:8000/300000" > "$tmp/out" &
curl_pid=$!
wait "$late"
serve
wait "$curl_pid"
case_eq "server comes late: curl waits" "$want" "$(sha256sum < "$tmp/out")"
stop "$server_pid"

# --- somebody else has the address
new_stat
mac=$(in_stack cat /sys/class/net/us0/address)
in_stack2 ip link set us0 arp on
in_stack2 ip addr add 10.77.0.115/24 dev us0
: > "$tmp/dns.log"
rm -f "$tmp/leases"
serve --dhcp-host="$mac,10.77.0.115"
case_eq "conflict: curl, with another address" "$want" "$(us curl -sS "http://$host_ip:8000/300000" | sha256sum)"
case_ok "conflict: declined" logged "DHCPDECLINE\(kh0\) 10\.77\.0\.115"
case_eq "conflict: counted" 1 "$(stat_value "$stat" dhcp.declines)"
case_ok "conflict: another address" test "$(stat_value "$stat" dhcp.address)" != 10.77.0.115
stop "$server_pid"

# --- a fifth of all frames lost, both ways
rm -f "$tmp/leases"
serve
for seed in 1 2 3; do
    new_stat
    case_eq "loss 20 %, seed $seed" "$want" "$(us_args+=(--fault "loss=20%,seed=$seed"); us curl -sS -m 60 "http://$host_ip:8000/300000" | sha256sum)"
    crossed "$stat" tcp rx 300000
done
stop "$server_pid"

# --- nobody answers: what was begun at the start
wait "$none_pid"
case_ok "no server: the program is told" test $? -ne 0
case_eq "no server: one line" 1 "$(grep -c '^userstack: no DHCP lease on lone0 within 30 s' "$tmp/none.err")"
finish
