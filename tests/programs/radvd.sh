#!/bin/bash
# Addresses from routers: radvd gives prefix, MTU and name server, changes and withdraws them; a second router takes over when the first falls silent.
# shellcheck disable=SC2317  # called by wait_for and case_ok
testbed_args=(-n 3)
. "$(dirname "$0")/lib.sh"

us_args=(run -i us0 -4 "$stack_ip/24" -6 auto --trace nd --trace-file "$tmp/trace")
in_far() { "$top_srcdir/scripts/testbed" exec "$TB" stack2 -- "$@"; }

# radvd.conf of a router on INTERFACE with prefix PREFIX and OPTIONS of the prefix
conf() { # FILE INTERFACE LIFETIME PREFIX OPTIONS
    cat > "$1" <<CONF
interface $2 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime $3;
    AdvLinkMTU 1400; UnicastOnly off;
    prefix $4 { AdvOnLink on; AdvAutonomous on; $5 };
    RDNSS fd99::53 { AdvRDNSSLifetime 60; }; DNSSL lan.example { AdvDNSSLLifetime 60; }; };
CONF
}
addresses() { in_stack "$userstack" stat | sed -n 's/^  address *//p'; }
has_address() { addresses | grep -Eq "^$1.* $2"; }
traced() { grep -q "$1" "$tmp/trace"; }

in_host sysctl -qw net.ipv6.conf.all.forwarding=1
in_host ip -6 addr add fd99::1/64 nodad dev kh0
conf "$tmp/r1.conf" kh0 30 fd99::/64 "AdvValidLifetime 7200; AdvPreferredLifetime 3600;"
"$top_srcdir/scripts/testbed" exec "$TB" host -- radvd -n -C "$tmp/r1.conf" -p "$tmp/r1.pid" -m stderr -d 1 2> "$tmp/r1.log" &
radvd_pid=$!
us_bg python3 "$programs_dir/httpd.py" 8080 ::
wait_for 10 us_listening 8080 || die "httpd does not listen"
wait_for 20 has_address fd99: ready || { addresses; cat "$tmp/trace" "$tmp/r1.log"; }
case_ok "address from the prefix" has_address fd99: ready
address=$(addresses | sed -n 's/^\(fd99:[^/]*\).*/\1/p' | head -1)
case_ok "link-local address" has_address fe80: ready
case_ok "reached by it" in_host curl -sS -o /dev/null "http://[$address]:8080/500000"
# 1400 bytes of MTU: 1340 of TCP payload, less 12 of timestamps.
in_host tcpdump -i kh0 -c 1 -w "$tmp/cap" "ip6 and src host $address and ip6[53] & 2 != 0" 2> "$tmp/tcpdump.log" &
cap_pid=$!
wait_for 10 grep -q listening "$tmp/tcpdump.log"
in_host curl -sS -o /dev/null "http://[$address]:8080/500000"
wait "$cap_pid"
case_ok "MTU option followed" sh -c "tcpdump -nn -v -r '$tmp/cap' 2>/dev/null | grep -q 'mss 1340'"

# Deprecated, by a preferred lifetime of 0.
conf "$tmp/r1.conf" kh0 30 fd99::/64 "AdvValidLifetime 7200; AdvPreferredLifetime 0;"
kill -HUP "$radvd_pid"
wait_for 20 has_address fd99: deprecated
case_ok "preferred lifetime 0: deprecated" has_address fd99: deprecated
case_ok "and used on" in_host curl -sS -o /dev/null "http://[$address]:8080/5000"
conf "$tmp/r1.conf" kh0 30 fd99::/64 "AdvValidLifetime 7200; AdvPreferredLifetime 3600;"
kill -HUP "$radvd_pid"
wait_for 20 has_address fd99: ready
case_ok "preferred again" has_address fd99: ready

# A second router, then the first one says goodbye (lifetime 0).
in_far sysctl -qw net.ipv6.conf.us0.disable_ipv6=0 net.ipv6.conf.us0.accept_dad=0 net.ipv6.conf.all.forwarding=1
in_far ip link set us0 arp on
in_far ip -6 addr add fd98::1/64 nodad dev us0
conf "$tmp/r2.conf" us0 1800 fd98::/64 "AdvValidLifetime 7200; AdvPreferredLifetime 3600;"
"$top_srcdir/scripts/testbed" exec "$TB" stack2 -- radvd -n -C "$tmp/r2.conf" -p "$tmp/r2.pid" -m stderr -d 1 2> "$tmp/r2.log" &
radvd2_pid=$!
wait_for 20 has_address fd98: ready
case_ok "address from the second router" has_address fd98: ready
first=$(in_host ip -6 addr show dev kh0 | sed -n 's/.*inet6 \(fe80[^/]*\).*/\1/p' | head -1)
kill -TERM "$radvd_pid"
wait "$radvd_pid" 2> /dev/null
wait_for 20 traced "route ::/0 via $first withdrawn"
case_ok "first router withdrawn" traced "route ::/0 via $first withdrawn"
case_ok "second one used" in_far curl -sS -o /dev/null "http://[$(addresses | sed -n 's/^\(fd98:[^/]*\).*/\1/p' | head -1)]:8080/500000"
case_ok "nothing expired on the way" sh -c "! grep -q 'fd98.* expired' '$tmp/trace'"
crossed_live tcp tx 1000000
kill -TERM "$radvd2_pid"
stop "$us_pid"
finish
