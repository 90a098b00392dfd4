#!/bin/bash
# Each differential program, once on the kernel and once under the stack, in two testbeds that look the same; their
# logs must be equal line by line, but for what DIFFERENCES lists with its reason. All run at the same time, each in
# a pair of testbeds of its own. At the end the matrix of errors: which of those that the man pages name for a call
# have been seen.
#
#     DIFF_ONLY="efault states-udp4" tests/differential/run.sh     only these
#     DIFF_KEEP=DIR                                                keeps the logs there
. "$(dirname "$0")/../programs/lib.sh"

diff_dir="$top_srcdir/tests/differential"
bin_dir="$top_builddir/tests/differential"
testbed_down "$TB" # each run has its own

# name, program, arguments
runs() {
    cat <<'RUNS'
connect_errors connect_errors
efault efault
signals signals
signals-restart signals restart
states-tcp4.0 states 0/3 tcp4
states-tcp4.1 states 1/3 tcp4
states-tcp4.2 states 2/3 tcp4
states-udp4 states udp4
states-udpmapped states udpmapped
RUNS
}

exec_in() { "$top_srcdir/scripts/testbed" exec "$@"; }

prepare() { # the host's end: peers and obstacles
    local tb=$1
    "$top_srcdir/scripts/testbed" exec "$tb" host -- python3 "$diff_dir/peer.py" & # no shell in between
    # No limit on ICMP errors: each case wants its own.
    exec_in "$tb" host -- sh -c 'cd /proc/sys/net && echo 0 > ipv4/icmp_ratelimit &&
        echo 0 > ipv6/icmp/ratelimit && echo 100000 > ipv4/icmp_msgs_per_sec && echo 100000 > ipv4/icmp_msgs_burst' 2>/dev/null
    exec_in "$tb" host -- nft -f - <<'NFT'
table inet t {
    chain in {
        type filter hook input priority 0;
        tcp dport 98 numgen inc mod 2 == 0 drop
        tcp dport 98 reject with icmp host-unreachable
        tcp dport 99 drop
    }
}
NFT
    wait_for 20 sh -c "'$top_srcdir/scripts/testbed' exec '$tb' host -- ss -Hltn 'sport = :7010' | grep -q ." ||
        die "peer.py does not listen"
}
# The kernel's turn: the same addresses on the same interface.
prepare_kernel() {
    exec_in "$1" stack -- sh -c 'ip link set us0 arp on && ip addr add 10.77.0.2/24 brd + dev us0 &&
        echo 0 > /proc/sys/net/ipv6/conf/us0/disable_ipv6 && ip addr add fd77::2/64 nodad dev us0'
    prepare "$1"
}

start() { # NAME PROGRAM [ARGS...]: in the background, in a new pair of testbeds
    local name=$1 kernel_tb us_tb
    shift
    testbed_up
    kernel_tb=$TB
    testbed_up
    us_tb=$TB
    (
        trap - EXIT
        prepare_kernel "$kernel_tb"
        prepare "$us_tb"
        timeout 150 "$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- "$bin_dir/$1" "${@:2}" > "$tmp/$name.kernel" 2>&1 &
        kernel_run=$!
        timeout 150 "$top_srcdir/scripts/testbed" exec "$us_tb" stack -- "$userstack" "${us_args[@]}" -- "$bin_dir/$1" "${@:2}" > "$tmp/$name.us" 2>&1
        wait $kernel_run
    ) &
    jobs_started="${jobs_started-} $name:$!"
}

# Lines of the log that DIFFERENCES does not excuse.
sift() { # NAME FILE
    grep -vE -f "$tmp/$1.excused" "$2"
}

judge() { # NAME
    local name=$1
    # PROGRAM: REGULAR EXPRESSION: reason
    awk -F ' :: ' -v n="${name%%[-.]*}" '!/^#/ && NF >= 3 && ($1 == n || $1 == "*") { print $2 }' \
        "$diff_dir/DIFFERENCES" > "$tmp/$name.excused"
    if [ ! -s "$tmp/$name.kernel" ]; then
        fail "$name: the kernel's run printed nothing"
    elif diff -u <(sift "$name" "$tmp/$name.kernel") <(sift "$name" "$tmp/$name.us") > "$tmp/$name.diff"; then
        pass "$name: $(wc -l < "$tmp/$name.us") lines alike"
    else
        fail "$name (kernel -, stack +)"
        grep '^[-+@]' "$tmp/$name.diff" | head -60 | sed 's/^/    /'
    fi
}

while read -r name program args; do
    case " ${DIFF_ONLY-$name} " in
    *" $name "*)
        # shellcheck disable=SC2086  # arguments
        start "$name" "$program" $args
        ;;
    esac
done < <(runs)
for job in $jobs_started; do
    wait "${job##*:}"
    judge "${job%:*}"
done
[ -z "${DIFF_KEEP-}" ] || cp "$tmp"/*.kernel "$tmp"/*.us "$DIFF_KEEP"
excuses=$(grep -c ' :: ' "$diff_dir/DIFFERENCES")
case_ok "$excuses differences are listed, of 20 at most" [ "$excuses" -le 20 ]
cases=$(cat "$tmp"/*.us | wc -l)
echo "$cases lines compared"
if [ -z "${DIFF_ONLY-}" ]; then
    case_ok "at least 400 cases" [ "$cases" -ge 400 ]
    python3 "$diff_dir/errors.py" "$diff_dir/ERRORS" "$tmp"/*.us
fi
finish
