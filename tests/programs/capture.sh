#!/bin/bash
# Trace and capture: the pcap opens in tcpdump with good checksums and holds the conversation; the trace tells it in the words of the RFCs; names in
# the environment do the same as the options.
. "$(dirname "$0")/lib.sh"

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
us_args+=(--pcap "$tmp/cap.pcap" --trace "tcp,arp,drop" --trace-file "$tmp/trace")
case_ok "a transfer of 3 MB" us curl -sS -o "$tmp/got" "http://$host_ip:8000/3000000"
case_ok "tcpdump reads the capture" tcpdump -nn -vv -r "$tmp/cap.pcap" > "$tmp/dump" 2> "$tmp/err"
case_eq "no bad checksum" 0 "$(grep -cE 'incorrect|bad cksum|bad hdr cksum|bad-len|truncated' "$tmp/dump")"
case_ok "SYN, SYN-ACK, FIN are there" sh -c "grep -q 'Flags \[S\]' '$tmp/dump' && grep -q 'Flags \[S\.\]' '$tmp/dump' && grep -q 'Flags \[F' '$tmp/dump'"
case_ok "ARP is there" grep -q 'ARP' "$tmp/dump"
bytes=$(tcpdump -nn -r "$tmp/cap.pcap" 'src port 8000' 2>/dev/null | sed -n 's/.*length \([0-9]*\).*/\1/p' | awk '{ s += $1 } END { print s + 0 }')
case_ok "all payload is there ($bytes bytes)" test "$bytes" -ge 3000000
biggest=$(tcpdump -nn -r "$tmp/cap.pcap" tcp 2>/dev/null | sed -n 's/.*length \([0-9]*\).*/\1/p' | sort -n | tail -n 1)
case_ok "frames are cut to wire size ($biggest)" test "$biggest" -le 1460
case_ok "trace: the handshake" grep -qE '^[0-9:.]{15} tcp 10\.77\.0\.2:[0-9]+ > 10\.77\.0\.1:8000 SYN_SENT -> ESTABLISHED mss 1460 wscale [0-9]+ sack ts' "$tmp/trace"
case_ok "trace: ARP" grep -qE '^[0-9:.]{15} arp ' "$tmp/trace"
case_eq "trace: every line has the form" 0 "$(grep -cvE '^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} [a-z]+ ' "$tmp/trace")"

us_args=(run)
in_stack env USERSTACK_IF=us0 USERSTACK_IP4=10.77.0.2/24 USERSTACK_PCAP="$tmp/env.pcap" USERSTACK_TRACE=tcp:debug USERSTACK_TRACE_FILE="$tmp/env.trace" \
    LD_PRELOAD="$(readlink -f "$top_builddir/.libs/libuserstack.so")" curl -sS -o /dev/null "http://$host_ip:8000/1000"
case_ok "by environment: capture" sh -c "tcpdump -nn -r '$tmp/env.pcap' 2>/dev/null | grep -q 8000"
case_ok "by environment: trace" grep -q ' tcp ' "$tmp/env.trace"

# Loss, delay and reordering on the stack's own link: slower, correct.
us_args=(run -i us0 -4 "$stack_ip/24" --fault "loss=1%,delay=2ms,reorder=1%,dup=0.5%,seed=7")
new_stat
want=$(in_host curl -sS "http://$host_ip:8000/5000000" | sha256sum)
case_eq "a transfer with loss, delay, reordering" "$want" "$(us curl -sS "http://$host_ip:8000/5000000" | sha256sum)"
crossed "$stat" tcp rx 5000000
case_ok "frames were lost" test "$(stat_value "$stat" drops.LINK_FAULT_LOSS)" -gt 0
finish
