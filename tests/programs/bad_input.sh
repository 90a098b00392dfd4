#!/bin/bash
# What bad input gets: one line on stderr that says what and how to mend it, exit status 125 from `userstack run`; under a bare
# LD_PRELOAD socket() fails with ENETDOWN and the line is printed once.
. "$(dirname "$0")/lib.sh"

lib=$(readlink -f "$top_builddir/.libs/libuserstack.so")
[ -e "$lib" ] || die "no libuserstack.so in $top_builddir/.libs"

# refused NAME PATTERN CMD...: exit 125 and exactly one line that matches.
refused() {
    local name=$1 pattern=$2 rc
    shift 2
    "$@" > "$tmp/out" 2> "$tmp/err"
    rc=$?
    if [ $rc -eq 125 ] && [ "$(wc -l < "$tmp/err")" -eq 1 ] && grep -qE "$pattern" "$tmp/err"; then
        pass "$name: $(cat "$tmp/err")"
    else
        fail "$name: exit $rc, stderr: $(cat "$tmp/err")"
    fi
}
run() { in_stack "$userstack" run "$@"; }

refused "no such interface" "nosuch0" run -i nosuch0 -4 10.77.0.2/24 -- curl -s http://10.77.0.1/
in_stack ip link add down0 type veth peer name down1
refused "interface down" "down0.*(down|up)" run -i down0 -4 10.77.0.2/24 -- curl -s http://10.77.0.1/
refused "malformed address" "10\.77\.0\.300" run -i us0 -4 10.77.0.300/24 -- true
refused "malformed prefix" "10\.77\.0\.2/33" run -i us0 -4 10.77.0.2/33 -- true
refused "malformed gateway" "gateway|GW4|-g" run -i us0 -4 10.77.0.2/24 -g nonsense -- true
refused "malformed fault" "fault|FAULT" run -i us0 -4 10.77.0.2/24 --fault loss=lots -- true
refused "malformed trace" "trace|TRACE" run -i us0 -4 10.77.0.2/24 --trace tcp,nonsense -- true
refused "unknown name" "USERSTACK_IFF.*USERSTACK_IF" in_stack env USERSTACK_IFF=us0 "$userstack" run -i us0 -4 10.77.0.2/24 -- true
refused "no capability" "CAP_NET_RAW|root" in_stack setpriv --bounding-set=-net_raw --inh-caps=-net_raw --reuid=65534 --regid=65534 --clear-groups \
    "$userstack" run -i us0 -4 10.77.0.2/24 -- curl -s http://10.77.0.1/
printf 'int main(void) { return 0; }\n' > "$tmp/s.c"
gcc -static -o "$tmp/static" "$tmp/s.c" || die "cannot build a static program"
refused "static program" "static" run -i us0 -4 10.77.0.2/24 -- "$tmp/static"
cp /bin/true "$tmp/setuid" && chown 65534 "$tmp/setuid" && chmod 4755 "$tmp/setuid"
refused "setuid program" "set-?uid|setuid" run -i us0 -4 10.77.0.2/24 -- "$tmp/setuid"
run -i us0 -4 10.77.0.2/24 -- "$tmp/nosuchprogram" 2> "$tmp/err"
case_eq "no such program: exit status" 127 $?
case_ok "a program without sockets runs" run -i us0 -4 10.77.0.2/24 -- true

# Bare LD_PRELOAD: ENETDOWN, and the line once.
cat > "$tmp/sock.py" <<'PY'
import socket, errno
for i in range(3):
    try:
        s = socket.socket(); s.connect(("10.77.0.1", 80)); print("connected")
    except OSError as e:
        print(errno.errorcode[e.errno])
PY
in_stack env LD_PRELOAD="$lib" USERSTACK_IF=nosuch0 USERSTACK_IP4=10.77.0.2/24 python3 "$tmp/sock.py" > "$tmp/out" 2> "$tmp/err"
case_eq "bare preload: ENETDOWN" "ENETDOWN ENETDOWN ENETDOWN" "$(tr '\n' ' ' < "$tmp/out" | sed 's/ $//')"
case_eq "bare preload: one line" 1 "$(grep -c userstack "$tmp/err")"

# An address that somebody on the link has: 10.77.0.1 is the kernel's.
refused_or_netdown() {
    in_stack env LD_PRELOAD="$lib" USERSTACK_IF=us0 USERSTACK_IP4=10.77.0.1/24 python3 "$tmp/sock.py" > "$tmp/out" 2> "$tmp/err"
}
refused_or_netdown
case_eq "address in use: ENETDOWN" ENETDOWN "$(head -n 1 "$tmp/out")"
case_ok "address in use: says so" grep -qE "10\.77\.0\.1.*(in use|conflict|already)" "$tmp/err"

# A second program with the same identity.
us_bg nc -l 9000
wait_for 10 us_listening 9000 || die "nc does not listen"
holder=$us_pid
in_stack env LD_PRELOAD="$lib" USERSTACK_IF=us0 USERSTACK_IP4=10.77.0.2/24 python3 "$tmp/sock.py" > "$tmp/out" 2> "$tmp/err"
case_eq "identity taken: ENETDOWN" ENETDOWN "$(head -n 1 "$tmp/out")"
case_ok "identity taken: names the holder's pid" grep -qw "$holder" "$tmp/err"
stop "$us_pid"
finish
