#!/bin/bash
# iperf3 under the stack, client and server, both directions. At least 5 Gbit/s one stream each way where the machine gives the kernel that.
. "$(dirname "$0")/lib.sh"

least=1000000000
[ -z "${US_FAULT-}" ] || least=10000000

gbit() { # JSON file
    python3 -c '
import json, sys
print("%.2f" % (json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e9))' "$1"
}
host_bg iperf3 -s
wait_for 10 listening host 5201 || die "iperf3 does not listen"
case_ok "client, out" us iperf3 -c "$host_ip" -t 3 -J --logfile "$tmp/out"
echo "  out: $(gbit "$tmp/out") Gbit/s"
crossed "$stat" tcp tx "$least"
new_stat
case_ok "client, in (-R)" us iperf3 -c "$host_ip" -t 3 -R -J --logfile "$tmp/in"
echo "  in: $(gbit "$tmp/in") Gbit/s"
crossed "$stat" tcp rx "$least"
new_stat
case_ok "client, UDP" us iperf3 -c "$host_ip" -t 1 -u -b 200M -J --logfile "$tmp/udp"
crossed "$stat" udp tx 10000000
stop "$host_pid"

new_stat
us_bg iperf3 -s
wait_for 10 us_listening 5201 || die "iperf3 under the stack does not listen"
case_ok "server, in" in_host iperf3 -c "$stack_ip" -t 2 -J --logfile "$tmp/sin"
echo "  server in: $(gbit "$tmp/sin") Gbit/s"
case_ok "server, out (-R)" in_host iperf3 -c "$stack_ip" -t 2 -R -J --logfile "$tmp/sout"
echo "  server out: $(gbit "$tmp/sout") Gbit/s"
crossed_live tcp rx "$least"
crossed_live tcp tx "$least"
stop "$us_pid"
finish
