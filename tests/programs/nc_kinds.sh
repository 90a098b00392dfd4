#!/bin/bash
# The other two netcats and socat: client and server, TCP and UDP, half-close.
. "$(dirname "$0")/lib.sh"

head -c 3000000 /dev/urandom > "$tmp/data"
want=$(sha256sum < "$tmp/data")

for nc in nc.traditional ncat socat; do
    # a server under the stack takes the file, a client gives it back
    new_stat
    case $nc in
    nc.traditional) listen=(nc.traditional -l -p 5000) ;;
    ncat) listen=(ncat -l 5000) ;;
    socat) listen=(socat -u "TCP-LISTEN:5000,reuseaddr" STDOUT) ;;
    esac
    us_bg "${listen[@]}" < /dev/null > "$tmp/got"
    wait_for 10 us_listening 5000 || die "$nc does not listen"
    in_host socat -u "FILE:$tmp/data" "TCP:$stack_ip:5000"
    wait "$us_pid"
    case_eq "$nc: server" "$want" "$(sha256sum < "$tmp/got")"
    crossed "$stat" tcp rx 3000000

    new_stat
    host_bg socat -u TCP-LISTEN:5001,reuseaddr "CREATE:$tmp/got2"
    wait_for 10 listening host 5001 || die "socat does not listen"
    case $nc in
    nc.traditional) us nc.traditional -q 0 "$host_ip" 5001 < "$tmp/data" ;;
    ncat) us ncat --send-only "$host_ip" 5001 < "$tmp/data" ;;
    socat) us socat -u "FILE:$tmp/data" "TCP:$host_ip:5001" ;;
    esac
    wait "$host_pid"
    case_eq "$nc: client" "$want" "$(sha256sum < "$tmp/got2")"
    crossed "$stat" tcp tx 3000000
done

# Half-close: the request's end is seen by the server, its answer by the client.
new_stat
host_bg socat TCP-LISTEN:5002,reuseaddr "SYSTEM:sha256sum"
wait_for 10 listening host 5002 || die "socat does not listen"
case_eq "socat: half-close" "$want" "$(us socat -t 10 - "TCP:$host_ip:5002" < "$tmp/data")"
crossed "$stat" tcp tx 3000000

# Datagrams.
new_stat
us_bg socat -u UDP-RECV:5003 STDOUT > "$tmp/udp"
wait_for 10 us_bound_udp 5003 || die "socat: no UDP socket"
for i in 1 2 3; do echo "datagram $i" | in_host socat -u - "UDP-SENDTO:$stack_ip:5003"; done
wait_for 5 grep -q "datagram 3" "$tmp/udp"
case_eq "socat: UDP in" "datagram 1 datagram 2 datagram 3" "$(tr '\n' ' ' < "$tmp/udp" | sed 's/ $//')"
stop "$us_pid"
crossed "$stat" udp rx 33
new_stat
host_bg socat -u UDP-RECV:5004 STDOUT > "$tmp/udp2"
wait_for 5 sh -c "ip netns exec $TB-host ss -Hlun 'sport = :5004' | grep -q ." || die "no UDP socket"
echo "over ncat" | us ncat -u --send-only "$host_ip" 5004
wait_for 5 grep -q . "$tmp/udp2"
case_eq "ncat: UDP out" "over ncat" "$(cat "$tmp/udp2")"
stop "$host_pid"
crossed "$stat" udp tx 9
finish
