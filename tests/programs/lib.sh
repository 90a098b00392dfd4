# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # for those who source this
# Sourced by the program tests: a testbed, the stack's address, cases that count, and the proof from `userstack stat` that
# the payload crossed our stack. The stack's namespace has no kernel address, so what arrived came through us.
#
#     . "$(dirname "$0")/lib.sh"
#     case_ok "name" command...        # passes if the command succeeds
#     us CMD...                        # CMD under the stack, in the stack's namespace
#     crossed "$stat" tcp rx 1000      # at least 1000 payload bytes by that counter
#     finish

: "${top_srcdir:?run make check-net}" "${top_builddir:?run make check-net}"
# shellcheck source=scripts/lib.sh
. "$top_srcdir/scripts/lib.sh"
need_root
programs_dir="$top_srcdir/tests/programs"
stack_ip=10.77.0.2
host_ip=10.77.0.1
userstack="$top_builddir/userstack"
tmp=$(mktemp -d) || die "no temporary folder"
on_exit "rm -rf '$tmp'"
chmod 755 "$tmp"
testbed_up ${testbed_args[@]+"${testbed_args[@]}"}
passed=0
failed=0
stat_no=0

# The next statistics file; us writes it when its program ends.
new_stat() {
    stat_no=$((stat_no + 1))
    stat="$tmp/stat.$stat_no"
}
new_stat

# US_FAULT: a --fault for every program under the stack, see under_loss.sh.
us_args=(run -i us0 -4 "$stack_ip/24" ${US_FAULT:+--fault "$US_FAULT"})

# us [--opt ...] -- is not needed: options of userstack run come from us_args.
us() {
    in_stack "$userstack" "${us_args[@]}" --stat-file "$stat" -- "$@"
}

# A server under the stack, in the background: sets us_pid.
us_bg() {
    "$top_srcdir/scripts/testbed" exec "$TB" stack -- "$userstack" "${us_args[@]}" --stat-file "$stat" -- "$@" <&0 &
    us_pid=$!
}

host_bg() {
    "$top_srcdir/scripts/testbed" exec "$TB" host -- "$@" <&0 &
    host_pid=$!
}

# stop PID: ends it and waits; the statistics file is complete then.
stop() {
    kill -TERM "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# tcp_open_from host|stack PORT IP: does a connection come up?
listening() { # listening host|stack PORT: a listener of the kernel in that namespace
    "$top_srcdir/scripts/testbed" exec "$TB" "$1" -- ss -Hltn "sport = :$2" | grep -q .
}
us_listening() { # a TCP listener of ours on PORT
    in_stack "$userstack" ss | grep -qE "LISTEN.*:$1\b"
}
us_bound_udp() {
    in_stack "$userstack" ss | grep -qE "udp.*:$1\b"
}

pass() {
    passed=$((passed + 1))
    echo "ok   $*"
}
fail() {
    failed=$((failed + 1))
    echo "FAIL $*"
}
case_ok() {
    local name=$1
    shift
    if "$@"; then pass "$name"; else fail "$name (exit $?)"; fi
}
case_eq() { # NAME WANT GOT
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: want '$2', got '$3'"; fi
}

# stat_value FILE tcp.rx_bytes
stat_value() {
    python3 - "$1" "$2" <<'PY'
import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split('.'):
    v = v[k]
print(v)
PY
}

# crossed FILE PROTO rx|tx MIN: the payload counter of that protocol is at least MIN bytes.
crossed() {
    local got
    got=$(stat_value "$1" "payload.$2_$3_bytes") || { fail "userstack stat: $1"; return; }
    if [ "$got" -ge "$4" ]; then
        pass "userstack stat: $2 $3 $got bytes"
    else
        fail "userstack stat: $2 $3 $got bytes, want at least $4"
    fi
}

# The same from a live stack.
crossed_live() {
    in_stack "$userstack" stat --json > "$tmp/live.json" || { fail "userstack stat"; return; }
    crossed "$tmp/live.json" "$@"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
