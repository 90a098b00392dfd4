#!/bin/bash
# openssl s_server and s_client, curl with https, python3's ssl: each end under the stack once.
. "$(dirname "$0")/lib.sh"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=userstack.test \
    -addext "subjectAltName=IP:$host_ip,IP:$stack_ip" -keyout "$tmp/key" -out "$tmp/cert" 2> /dev/null
mkdir "$tmp/www"
head -c 10000000 /dev/urandom > "$tmp/www/file"
want=$(sha256sum < "$tmp/www/file")

cd "$tmp/www" || exit 1
us_bg openssl s_server -accept 4433 -cert "$tmp/cert" -key "$tmp/key" -WWW -quiet
wait_for 10 us_listening 4433 || die "s_server does not listen"
case_eq "s_server" "$want" "$(in_host curl -sS --cacert "$tmp/cert" "https://$stack_ip:4433/file" | sha256sum)"
crossed_live tcp tx 10000000
stop "$us_pid"

host_bg openssl s_server -accept 4434 -cert "$tmp/cert" -key "$tmp/key" -WWW -quiet
wait_for 10 listening host 4434 || die "s_server does not listen"
new_stat
case_eq "curl https" "$want" "$(us curl -sS --cacert "$tmp/cert" "https://$host_ip:4434/file" | sha256sum)"
crossed "$stat" tcp rx 10000000
new_stat
case_eq "python3 ssl" "$want" "$(us python3 -c '
import ssl, sys, urllib.request
c = ssl.create_default_context(cafile=sys.argv[2])
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], context=c).read())' \
    "https://$host_ip:4434/file" "$tmp/cert" | sha256sum)"
crossed "$stat" tcp rx 10000000
new_stat
printf 'GET /file HTTP/1.0\r\n\r\n' | us openssl s_client -quiet -connect "$host_ip:4434" \
    -CAfile "$tmp/cert" -verify_return_error 2> "$tmp/err" > "$tmp/out"
case_eq "s_client" "$want" "$(tail -c 10000000 "$tmp/out" | sha256sum)"
crossed "$stat" tcp rx 10000000
stop "$host_pid"
finish
