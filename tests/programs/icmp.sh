#!/bin/bash
# ping, traceroute and tracepath under the stack, towards the kernel: ping sockets, raw sockets, error queues.
. "$(dirname "$0")/lib.sh"

# says NAME PATTERN COMMAND...: the command's output has the pattern
says() {
    local name=$1 want=$2
    shift 2
    "$@" > "$tmp/out" 2>&1
    if grep -qE "$want" "$tmp/out"; then pass "$name"; else fail "$name: $(tr '\n' ' ' < "$tmp/out")"; fi
}

# Only raw sockets, then ping sockets too, as far as the kernel is concerned; under the stack both always work.
for range in "1 0" "0 2147483647"; do
    in_stack sh -c "echo $range > /proc/sys/net/ipv4/ping_group_range"
    says "ping ($range)" " 0% packet loss" us ping -c 3 -i 0.2 -W 5 "$host_ip"
    says "ping -s 8000 ($range)" "2 received" us ping -c 2 -i 0.2 -W 5 -s 8000 "$host_ip"
    crossed "$stat" udp tx 16000
done
says "ping -s 65507" "1 received" us ping -c 1 -W 5 -s 65507 "$host_ip"
says "ping -f" "500 received" us ping -q -f -c 500 "$host_ip"
says "ping -R: record route" "RR:" us ping -c 1 -W 5 -R "$host_ip"
says "ping of nobody: host unreachable, from ourselves" "From $stack_ip .*Unreachable" us ping -c 1 -W 9 10.77.0.99
says "ping of ourselves" "1 received" us ping -c 1 -W 5 "$stack_ip"
says "traceroute by UDP" "^ 1  $host_ip " us traceroute -n -q 1 -w 5,0,0 "$host_ip"
says "traceroute by ICMP" "^ 1  $host_ip " us traceroute -I -n -q 1 -w 5,0,0 "$host_ip"
says "tracepath" "$host_ip.*reached" us tracepath -n "$host_ip"

# Three hops: the kernel's end forwards to a namespace behind a link of MTU 1400, which forwards to one of 1300.
far=$TB-far
mid=$TB-mid
on_exit "ip netns del $far 2>/dev/null; ip netns del $mid 2>/dev/null"
ip netns add "$mid"
ip netns add "$far"
ip -n "$TB-host" link add kr0 mtu 1400 type veth peer name r0 mtu 1400 netns "$mid"
ip -n "$mid" link add r1 mtu 1300 type veth peer name f0 mtu 1300 netns "$far"
ip -n "$TB-host" addr add 10.78.1.1/24 dev kr0
ip -n "$mid" addr add 10.78.1.2/24 dev r0
ip -n "$mid" addr add 10.78.2.1/24 dev r1
ip -n "$far" addr add 10.78.2.2/24 dev f0
for end in "$TB-host kr0" "$mid r0" "$mid r1" "$far f0"; do
    # shellcheck disable=SC2086  # two words
    set -- $end
    ip -n "$1" link set "$2" up
done
ip -n "$TB-host" route add 10.78.2.0/24 via 10.78.1.2
ip -n "$mid" route add default via 10.78.1.1
ip -n "$far" route add default via 10.78.2.1
for ns in "$TB-host" "$mid"; do
    ip netns exec "$ns" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit'
done
us_args+=(-g "$host_ip")
says "ping over two routers" "1 received" us ping -c 1 -W 9 10.78.2.2
says "ping -t 1: time to live exceeded, from the first router" "From $host_ip .*Time to live exceeded" \
    us ping -c 1 -W 9 -t 1 10.78.2.2
says "traceroute by UDP finds both routers" "^ 3  10.78.2.2 " us traceroute -n -q 1 -w 5,0,0 10.78.2.2
says "traceroute by ICMP over two routers" "^ 3  10.78.2.2 " us traceroute -I -n -q 1 -w 5,0,0 10.78.2.2
says "tracepath finds path MTU 1300" "pmtu 1300" us tracepath -n 10.78.2.2
says "ping -M do -s 1372: fragmentation needed, the path MTU is 1300" "(Frag needed|mtu ?= ?1[34]00)" \
    us ping -c 3 -i 0.3 -W 5 -M "do" -s 1372 10.78.2.2
us_bg nc -l 9000 < /dev/zero > /dev/null 2>&1
wait_for 10 us_listening 9000 || die "nc does not listen"
got=$(ip netns exec "$far" timeout 20 sh -c 'nc -d 10.77.0.2 9000 | head -c 3000000 | wc -c')
case_eq "TCP to a smaller path MTU: 3,000,000 bytes" 3000000 "$got"
finish
