#!/bin/bash
# Each differential program, once on the kernel and once under the stack, in two testbeds that look the same; their
# logs must be equal line by line.
. "$(dirname "$0")/../programs/lib.sh"

diff_dir="$top_srcdir/tests/differential"
us_tb=$TB
testbed_up
kernel_tb=$TB

prepare() { # the host's end: peers and obstacles
    local tb=$1
    host() { "$top_srcdir/scripts/testbed" exec "$tb" host -- "$@"; }
    "$top_srcdir/scripts/testbed" exec "$tb" host -- python3 "$diff_dir/peer.py" &
    host nft -f - <<'NFT'
table ip t {
    chain in {
        type filter hook input priority 0;
        tcp dport 98 numgen inc mod 2 == 0 drop
        tcp dport 98 reject with icmp host-unreachable
        tcp dport 99 drop
    }
}
NFT
    wait_for 10 sh -c "'$top_srcdir/scripts/testbed' exec '$tb' host -- ss -Hltn 'sport = :7007' | grep -q ." ||
        die "peer.py does not listen"
}
# The kernel's turn: the same address on the same interface.
"$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- sh -c '
    ip link set us0 arp on && ip addr add 10.77.0.2/24 brd + dev us0'
prepare "$us_tb"
prepare "$kernel_tb"

compare() { # NAME PROGRAM [ARGS...]
    local name=$1
    shift
    TB=$kernel_tb
    timeout 100 "$top_srcdir/scripts/testbed" exec "$TB" stack -- "$@" > "$tmp/$name.kernel" 2>&1 &
    local kernel_run=$!
    TB=$us_tb
    timeout 100 "$top_srcdir/scripts/testbed" exec "$TB" stack -- "$userstack" "${us_args[@]}" -- "$@" > "$tmp/$name.us" 2>&1
    wait $kernel_run
    if [ ! -s "$tmp/$name.kernel" ]; then
        fail "$name: the kernel's run printed nothing"
    elif diff -u "$tmp/$name.kernel" "$tmp/$name.us" > "$tmp/$name.diff"; then
        pass "$name: $(wc -l < "$tmp/$name.us") lines alike"
    else
        fail "$name (kernel -, stack +)"
        sed 's/^/    /' "$tmp/$name.diff"
    fi
}

for p in ${DIFF_ONLY:-connect_errors efault signals}; do
    compare "$p" "$top_builddir/tests/differential/$p"
    [ "$p" != signals ] || compare signals-restart "$top_builddir/tests/differential/$p" restart
done
finish
