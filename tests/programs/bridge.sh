#!/bin/bash
# userstack bridge: kernel host -- bridge -- kernel host. Nothing here runs under the stack; what is tested is the bridge and the fault link.
#
#     namespace host           namespace stack           namespace far
#     kh0 10.77.0.1  --------  us0 [bridge] br1  -------  far0 10.77.0.9
. "$(dirname "$0")/lib.sh"

far_ip=10.77.0.9
far="$TB-far"
ip netns add "$far" || die "no namespace"
on_exit "ip netns pids '$far' 2>/dev/null | xargs -r kill 2>/dev/null; ip netns del '$far'"
in_far() { ip netns exec "$far" "$@"; }
{
    ip -n "$far" link set lo up &&
        ip -n "$TB-stack" link add br1 index 60 type veth peer name far0 index 160 netns "$far" &&
        in_stack sh -c 'echo 1 > /proc/sys/net/ipv6/conf/br1/disable_ipv6' &&
        ip -n "$TB-stack" link set br1 arp off && ip -n "$TB-stack" link set br1 up &&
        in_far sh -c 'cd /proc/sys/net/ipv6/conf/far0 && echo 0 > accept_dad &&
            echo 0 > router_solicitations && echo 0 > accept_ra && echo 1 > disable_ipv6' &&
        ip -n "$far" addr add "$far_ip/24" brd + dev far0 && ip -n "$far" link set far0 up
} || die "no second host"

# bridge_up [--fault SPEC]: sets bridge_pid; its lines go to $tmp/bridge.out and .err
bridge_up() {
    : > "$tmp/bridge.err"
    "$top_srcdir/scripts/testbed" exec "$TB" stack -- "$userstack" bridge us0 br1 "$@" \
        > "$tmp/bridge.out" 2> "$tmp/bridge.err" &
    bridge_pid=$!
    wait_for 10 grep -q joined "$tmp/bridge.err" || die "bridge $*: $(cat "$tmp/bridge.err")"
}
# Ends it; its exit status is 0.
bridge_down() {
    kill -TERM "$bridge_pid"
    wait "$bridge_pid" || fail "bridge: exit $?: $(cat "$tmp/bridge.err")"
}
counter() { # counter us0|br1 NAME: of the way that begins there
    sed -n "s/^$1 -> .*  $2 \([0-9]*\).*/\1/p" "$tmp/bridge.out"
}
rtt_min() { # in microseconds, of ping ARGS; empty if an answer is missing
    in_host ping -q "$@" > "$tmp/ping" 2>&1 || true
    grep -q ' 0% packet loss' "$tmp/ping" || return 0
    awk -F'[/ ]' '/^rtt/ { printf "%d\n", $7 * 1000 }' "$tmp/ping"
}
rtt_between() { # NAME MIN MAX ping ARGS; in ms
    local name=$1 min=$2 max=$3 us
    shift 3
    us=$(rtt_min "$@")
    if [ -n "$us" ] && [ "$us" -ge $((min * 1000)) ] && [ "$us" -le $((max * 1000)) ]; then
        pass "$name: $us us"
    else
        fail "$name: ${us:-none} us; $(tail -n 2 "$tmp/ping")"
    fi
}
refused() { # NAME PATTERN ARGS...: exit 125 and one line that matches
    local name=$1 pattern=$2 rc
    shift 2
    in_stack "$userstack" bridge "$@" > "$tmp/out" 2> "$tmp/err"
    rc=$?
    if [ $rc -eq 125 ] && [ "$(wc -l < "$tmp/err")" -eq 1 ] && grep -qE "$pattern" "$tmp/err"; then
        pass "$name: $(cat "$tmp/err")"
    else
        fail "$name: exit $rc, stderr: $(cat "$tmp/err")"
    fi
}

refused "one interface" "two interfaces" us0
refused "three interfaces" "third" us0 br1 lo
refused "no such interface" "nosuch0" us0 nosuch0
refused "itself" "itself" us0 us0
refused "no Ethernet" "Ethernet" us0 lo
refused "fault not understood" "loss=lots" us0 br1 --fault delay=1ms,loss=lots
refused "no value" "fault" us0 br1 --fault
refused "unknown option" "nonsense" us0 br1 --nonsense

# --- one seed, one run: nothing but these packets crosses
in_host sh -c 'echo 1 > /proc/sys/net/ipv6/conf/kh0/disable_ipv6'
in_host ip neigh replace "$far_ip" dev kh0 nud permanent \
    lladdr "$(in_far cat /sys/class/net/far0/address)"
in_far ip neigh replace "$host_ip" dev far0 nud permanent \
    lladdr "$(in_host cat /sys/class/net/kh0/address)"
answered() {
    bridge_up --fault "loss=30%,seed=$1"
    in_host ping -c 30 -i 0.01 -W 1 "$far_ip" | sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' | tr '\n' ' '
    bridge_down
}
first=$(answered 7)
case_ok "loss=30%: some are answered: $first" test "$(wc -w <<< "$first")" -gt 3
case_eq "the same seed loses the same" "$first" "$(answered 7)"
case_ok "another does not" test "$first" != "$(answered 8)"
in_host sh -c 'echo 0 > /proc/sys/net/ipv6/conf/kh0/disable_ipv6'
in_far sh -c 'echo 0 > /proc/sys/net/ipv6/conf/far0/disable_ipv6'
in_host ip addr replace fd77::1/64 dev kh0 nodad
in_far ip addr replace fd77::9/64 dev far0 nodad

in_far python3 "$programs_dir/httpd.py" 8000 &
disown
wait_for 10 in_far sh -c 'ss -Hltn "sport = :8000" | grep -q .' || die "httpd.py does not listen"
sum() { in_far curl -sS "http://$far_ip:8000/$1" | sha256sum; }
want_small=$(sum 3000000)
want_big=$(sum 100000000)
fetch() { in_host curl -sS -m 60 "http://$far_ip:8000/$1" | sha256sum; }

# --- no fault: frames pass whole
bridge_up
rtt_between "plain" 0 20 -c 5 -i 0.2 -W 2 "$far_ip"
case_ok "fragments both ways" in_host ping -q -c 2 -i 0.2 -W 2 -s 20000 "$far_ip"
case_ok "IPv6" in_host ping -6 -q -c 2 -i 0.2 -W 2 fd77::9
case_eq "a transfer of 100 MB" "$want_big" "$(fetch 100000000)"
bridge_down
frames=$(counter br1 frames) bytes=$(counter br1 bytes)
case_ok "counters: $frames frames, $bytes bytes from far" test "$bytes" -ge 100000000
case_ok "coalesced frames pass whole" test $((bytes / frames)) -gt 3000
case_eq "counters: nothing lost" "0 0" "$(counter us0 lost) $(counter br1 lost)"

# --- delay: both ways, one way
bridge_up --fault loss=0,delay=20ms
rtt_between "delay=20ms" 40 60 -c 10 -i 0.2 -W 2 "$far_ip"
bridge_down
case_eq "loss=0: nothing lost" "0 0" "$(counter us0 lost) $(counter br1 lost)"
case_ok "frames counted" test "$(counter us0 frames)" -ge 10
bridge_up --fault=tx.delay=5ms,rx.delay=25ms
rtt_between "tx.delay=5ms,rx.delay=25ms" 30 50 -c 5 -i 0.2 -W 2 "$far_ip"
bridge_down

# --- loss
bridge_up --fault loss=1%,delay=5ms
case_eq "a transfer with loss=1%,delay=5ms" "$want_small" "$(fetch 3000000)"
bridge_down
frames=$(counter br1 frames)
case_ok "wire-size frames ($frames)" test "$frames" -ge 2000
case_ok "frames were lost ($(counter br1 lost))" test "$(counter br1 lost)" -gt 0
bridge_up --fault tx.loss=100%
case_ok "tx.loss=100%: no answer" sh -c "! '$top_srcdir/scripts/testbed' exec '$TB' host -- ping -q -c 2 -i 0.2 -W 1 $far_ip"
bridge_down
case_ok "all lost from us0" test "$(counter us0 frames)" -eq 0
bridge_up --fault corrupt=2%,dup=2%,reorder=2%,delay=2ms,jitter=1ms
case_eq "a transfer with all the rest" "$want_small" "$(fetch 3000000)"
bridge_down
bridge_up --fault rate=40mbit
start=$EPOCHREALTIME
case_eq "a transfer with rate=40mbit" "$want_small" "$(fetch 3000000)"
took=$(seconds_since "$start")
case_ok "that takes 0.6 s at least ($took)" awk -v t="$took" 'BEGIN { exit !(t >= 0.6 && t < 5) }'
bridge_down

# --- VLAN tags, which the kernel takes off a received frame, are on again
cat > "$tmp/vlan.py" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0 if len(sys.argv) > 2 else 3))
if len(sys.argv) > 2:
    s.send(bytes.fromhex("ffffffffffff02000000000581006005" "88b5") + b"tagged" * 10)
    sys.exit()
s.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
s.settimeout(10)
print("ready", flush=True)
while True:
    data, anc, _, _ = s.recvmsg(2000, 100)
    if data.endswith(b"tagged" * 10):
        aux = struct.unpack("IIIHHHH", anc[0][2])
        print("%#x tci %#x len %d" % (aux[6], aux[5], len(data)))
        sys.exit()
PY
for spec in "" delay=1ms; do
    bridge_up ${spec:+--fault $spec}
    : > "$tmp/vlan.out"
    in_far python3 "$tmp/vlan.py" far0 > "$tmp/vlan.out" &
    reader=$!
    wait_for 10 grep -q ready "$tmp/vlan.out" || die "vlan.py: $(cat "$tmp/vlan.out")"
    in_host python3 "$tmp/vlan.py" kh0 send
    wait "$reader"
    case_eq "VLAN tag ${spec:-plain}" "0x8100 tci 0x6005 len 74" "$(tail -n 1 "$tmp/vlan.out")"
    bridge_down
done

# --- an interface goes down and comes back, then goes away, while it runs
bridge_up
in_stack ip link set br1 down
case_ok "interface down: no answer" sh -c "! '$top_srcdir/scripts/testbed' exec '$TB' host -- ping -q -c 1 -W 1 $far_ip"
in_stack ip link set br1 up
case_ok "interface up again" wait_for 10 in_host ping -q -c 1 -W 1 "$far_ip"
cpu=$(awk '{ print $14 + $15 }' "/proc/$bridge_pid/stat")
case_ok "it sleeps when there is nothing to do ($cpu ticks)" test "$cpu" -lt 100
ip -n "$far" link del far0
wait "$bridge_pid"
case_eq "interface gone: exit status" 125 $?
case_ok "interface gone: $(tail -n 1 "$tmp/bridge.err")" grep -q 'br1 has gone' "$tmp/bridge.err"
finish
