#!/bin/bash
# The program tests again, each program under the stack behind a bad link. Run by make check-long.
: "${top_srcdir:?run make check-long}" "${top_builddir:?run make check-long}"
US_FAULT=${US_FAULT:-loss=1%,reorder=1%,seed=7}
export US_FAULT
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for t in clients curl fork haproxy iperf3 java lighttpd memcached nc nc_kinds nginx nginx_workers \
    node python redis rsync tls wget; do
    if timeout --kill-after=10 600 "$top_srcdir/tests/programs/$t.sh" > "$log" 2>&1 < /dev/null; then
        passed=$((passed + 1))
        echo "ok   $t"
    else
        failed=$((failed + 1))
        echo "FAIL $t"
        tail -n 20 "$log" | sed 's/^/    /'
    fi
    "$top_srcdir/scripts/testbed" down --stale
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
