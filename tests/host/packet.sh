#!/bin/bash
# The packet and the pcap device on a veth pair: ARP and ping answered, errors in one clear line,
# the interface going down, coming back and vanishing.
: "${top_srcdir:?run make check-net}" "${top_builddir:?run make check-net}"
# shellcheck source=tests/programs/lib.sh
. "$top_srcdir/tests/programs/lib.sh"
need_commands ping=iputils-ping setpriv=util-linux

idle=$top_builddir/tests/host/idle

# start DEVICE [MAC]: sets idle_pid; its output is in $tmp/out
under=()
start() {
    : > "$tmp/out"
    "$top_srcdir/scripts/testbed" exec "$TB" stack -- "${under[@]}" "$idle" "$1" us0 "$stack_ip" ${2:+"$2"} \
        > "$tmp/out" 2> "$tmp/err" &
    idle_pid=$!
    wait_for 5 grep -q '^up' "$tmp/out"
}
says() { # NAME TEXT CMD...: fails, with one line that has the text
    local name=$1 text=$2
    shift 2
    if "$@" > "$tmp/out" 2> "$tmp/err"; then
        fail "$name: no failure"
    elif [ "$(wc -l < "$tmp/err")" -eq 1 ] && grep -qF -- "$text" "$tmp/err"; then
        pass "$name"
    else
        fail "$name: $(cat "$tmp/err")"
    fi
}
loss() { # PING-ARGS...
    in_host ping -q "$@" $stack_ip | grep -o '[0-9.]*% packet loss'
}
mac_seen() {
    in_host ip neigh show $stack_ip | grep -o 'lladdr [^ ]*'
}

for dev in packet pcap; do
    in_host ip neigh flush dev kh0
    case_ok "$dev: comes up" start $dev
    case_eq "$dev: ping" "0% packet loss" "$(loss -c 3 -i 0.2)"
    case_eq "$dev: flood" "0% packet loss" "$(loss -f -c 3000)"
    case_eq "$dev: fragments" "0% packet loss" "$(loss -c 3 -i 0.2 -s 20000)"
    case_eq "$dev: ARP says the interface's MAC" \
        "lladdr $(in_stack cat /sys/class/net/us0/address)" "$(mac_seen)"
    stop "$idle_pid"
done
read -r _ attach_us up_us < <(grep '^up' "$tmp/out")
echo "attach $attach_us us, up $up_us us"

in_host ip neigh flush dev kh0
case_ok "another MAC: comes up" start packet 02:12:34:56:78:9a
case_eq "another MAC: ping" "0% packet loss" "$(loss -c 3 -i 0.2)"
case_eq "another MAC: ARP" "lladdr 02:12:34:56:78:9a" "$(mac_seen)"
says "second process" "10.77.0.2 on us0 is in use by process $idle_pid (idle, uid 0)" \
    in_stack "$idle" packet us0 $stack_ip
stop "$idle_pid"
in_host ip neigh flush dev kh0

# The kernel grants no large buffer then: slots that hold super-frames.
under=(setpriv --bounding-set=-net_admin)
case_ok "without CAP_NET_ADMIN: comes up" start packet
case_eq "without CAP_NET_ADMIN: flood" "0% packet loss" "$(loss -f -c 3000)"
stop "$idle_pid"
under=()

says "no permission" CAP_NET_RAW \
    in_stack setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$idle" packet us0 $stack_ip
says "no such interface" "no interface us7 in this network namespace (there are: lo, us0)" \
    in_stack "$idle" packet us7 $stack_ip
says "not Ethernet" "lo is not an Ethernet interface" in_stack "$idle" packet lo $stack_ip
in_host ip addr add $stack_ip/32 dev kh0
says "address in use" "10.77.0.2 on us0 is in use by $(in_host cat /sys/class/net/kh0/address)" \
    in_stack "$idle" packet us0 $stack_ip
in_host ip addr del $stack_ip/32 dev kh0
in_stack ip link set us0 down
says "interface down" "the interface us0 is down" in_stack "$idle" packet us0 $stack_ip
in_stack ip link set us0 up

# Down and up under a running stack; then gone for good, which must not cost CPU time.
case_ok "comes up" start packet
in_stack ip link set us0 down
case_ok "says that it went down" wait_for 3 grep -q 'us0 went down' "$tmp/err"
in_stack ip link set us0 up
wait_for 5 in_host ping -c 1 -W 1 $stack_ip
case_eq "works again" "0% packet loss" "$(loss -c 3 -i 0.2)"
in_host ip link del kh0
sleep 1
stop "$idle_pid"
cpu_ms=$(awk '/^cpu_ms/ { print $2 }' "$tmp/out")
case_ok "interface gone: no busy loop (${cpu_ms} ms)" test "$cpu_ms" -lt 200

finish
