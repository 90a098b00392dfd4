#!/bin/bash
# The tap link as the ordinary user who owns the tap: both directions, with 64 KB frames both ways; what is wrong is told in one line.
. "$(dirname "$0")/lib.sh"
need_commands setpriv=util-linux
[ -c /dev/net/tun ] || die "no /dev/net/tun here"

# Where /dev/net/tun is not for everybody, as it usually is: one of our own over it, in the mount namespace of the command.
{ mknod "$tmp/tun" c 10 200 && chmod 666 "$tmp/tun"; } || die "cannot make a device node"
user=(sh -c 'mount --bind "$0" /dev/net/tun && exec "$@"' "$tmp/tun" setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
mkdir -m 777 "$tmp/user"
stat="$tmp/user/stat.1"
in_stack ip tuntap add dev tap0 mode tap user 65534
in_stack ip addr add 10.78.0.1/24 dev tap0
in_stack ip link set tap0 up
tap() { in_stack "${user[@]}" "$userstack" run -i tap:tap0 -4 10.78.0.2/24 --stat-file "$stat" -- "$@"; }

"$top_srcdir/scripts/testbed" exec "$TB" stack -- python3 "$programs_dir/httpd.py" 8000 &
wait_for 10 listening stack 8000 || die "httpd.py does not listen"
want=$(in_stack curl -sS "http://10.78.0.1:8000/20000000" | sha256sum)

case_eq "nobody: 20 MB in" "$want" "$(tap curl -sS -m 60 "http://10.78.0.1:8000/20000000" | sha256sum)"
crossed "$stat" tcp rx 20000000
case_eq "over the tap link" tap "$(stat_value "$stat" stack.link)"
case_ok "super-frames in" test "$(stat_value "$stat" link.rx_gso_frames)" -gt 100

stat="$tmp/user/stat.2"
"$top_srcdir/scripts/testbed" exec "$TB" stack -- "${user[@]}" "$userstack" run -i tap:tap0 -4 10.78.0.2/24 --stat-file "$stat" -- \
    python3 "$programs_dir/httpd.py" 8001 &
us_pid=$!
wait_for 10 us_listening 8001 || fail "httpd.py under the stack does not listen"
case_eq "nobody: 20 MB out" "$want" "$(in_stack curl -sS -m 60 "http://10.78.0.2:8001/20000000" | sha256sum)"
case_ok "ping" in_stack ping -c 3 -i 0.2 -W 5 -s 8000 10.78.0.2
in_stack "${user[@]}" "$userstack" run -i tap:tap0 -4 10.78.0.3/24 -- curl -sS -m 5 "http://10.78.0.1:8000/1" > "$tmp/out" 2> "$tmp/err"
case_ok "a second program: told who has it" grep -q "^userstack: tap:tap0: another program has it" "$tmp/err"
crossed_live tcp tx 20000000
case_ok "super-frames out" test "$(stat_value "$tmp/live.json" link.tx_gso_frames)" -gt 100
stop "$us_pid"

stat="$tmp/user/stat.3"
case_eq "loss and delay over a tap" "$want" "$(USERSTACK_FAULT=loss=1%,delay=2ms,seed=3 tap curl -sS -m 60 "http://10.78.0.1:8000/20000000" | sha256sum)"

# --- errors
told() { # NAME PATTERN IF
    local name=$1 pattern=$2
    in_stack "${user[@]}" "$userstack" run -i "$3" -4 10.78.0.2/24 -- curl -sS -m 5 "http://10.78.0.1:8000/1" > "$tmp/out" 2> "$tmp/err"
    if [ "$(grep -c ^userstack "$tmp/err")" -eq 1 ] && grep -qE "^userstack: .*$pattern" "$tmp/err"; then
        pass "$name: $(grep ^userstack "$tmp/err")"
    else
        fail "$name: $(cat "$tmp/err")"
    fi
}
in_stack ip tuntap add dev tap1 mode tap user 1234
in_stack ip link set tap1 up
told "another user's tap" "tap:tap1: not yours" tap:tap1
told "no such tap" "no interface tap7" tap:tap7
in_stack ip tuntap add dev tap2 mode tap user 65534
told "a tap that is down" "tap2 is down" tap:tap2
in_stack ip tuntap add dev tun3 mode tun user 65534
in_stack ip link set tun3 up
told "a tun" "tun3" tap:tun3
told "no tap at all" "us0: " tap:us0
finish
