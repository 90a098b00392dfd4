#!/bin/bash
# nginx as everybody runs it: master, 4 workers as www-data, in the background. Load from the kernel side, reload under load, a killed worker, quit.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/www"
head -c 20000000 /dev/urandom > "$tmp/www/big"
head -c 1024 /dev/urandom > "$tmp/www/small"
cat > "$tmp/nginx.conf" <<CONF
worker_processes 4; user www-data; pid $tmp/nginx.pid; error_log $tmp/nginx.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; client_body_temp_path $tmp/body; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
       server { listen 80; root $tmp/www; } }
CONF

workers() { ps -o pid= --ppid "$(cat "$tmp/nginx.pid")" | wc -l; }
workers_are() { [ "$(workers)" -eq "$1" ]; }
load() { # load SECONDS FILE [WRK ARGS]
    in_host wrk -t2 -c32 -d"$1"s "${@:3}" "http://$stack_ip/small" > "$2"
    grep -E 'Requests/sec|Socket errors|Non-2xx' "$2"
}
clean() { ! grep -E 'Socket errors|Non-2xx' "$1"; }

us nginx -c "$tmp/nginx.conf" || die "nginx does not start"
wait_for 10 us_listening 80 || die "nginx does not listen: $(cat "$tmp/nginx.log")"
case_ok "4 workers" wait_for 10 workers_are 4
case_ok "fetch 20 MB" in_host curl -sS -o "$tmp/got" "http://$stack_ip/big"
case_ok "same bytes" cmp "$tmp/www/big" "$tmp/got"
load 3 "$tmp/wrk1"
case_ok "wrk: no errors" clean "$tmp/wrk1"
# shellcheck disable=SC2016
case_ok "wrk: some thousand requests" awk '/requests in/ { exit !($1 > 3000) }' "$tmp/wrk1"

old=$(ps -o pid= --ppid "$(cat "$tmp/nginx.pid")" | sort)
# Idle connections are closed by the old workers, which wrk counts as errors: a connection a request.
load 4 "$tmp/wrk2" -H 'Connection: close' &
loader=$!
busy() { in_stack "$userstack" ss | grep -q ESTAB; }
wait_for 10 busy || fail "no load"
kill -HUP "$(cat "$tmp/nginx.pid")"
wait "$loader"
case_ok "reload under load: no errors" clean "$tmp/wrk2"
replaced() { [ -z "$(comm -12 <(echo "$old") <(ps -o pid= --ppid "$(cat "$tmp/nginx.pid")" | sort))" ] && workers_are 4; }
case_ok "all workers are new" wait_for 10 replaced

ps -o pid= --ppid "$(cat "$tmp/nginx.pid")" | head -1 | xargs kill -KILL
case_ok "a killed worker is replaced" wait_for 10 workers_are 4
load 1 "$tmp/wrk3"
case_ok "wrk: no errors" clean "$tmp/wrk3"
crossed_live tcp tx 20000000
pid=$(cat "$tmp/nginx.pid")
kill -QUIT "$pid"
gone() { [ ! -e "/proc/$pid" ]; }
case_ok "quit" wait_for 10 gone
finish
