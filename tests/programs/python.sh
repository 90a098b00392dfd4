#!/bin/bash
# python3 under the stack: http.server, urllib, and an asyncio echo server with 1,000 connections.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/www"
head -c 20000000 /dev/urandom > "$tmp/www/file"
us_bg python3 -m http.server --directory "$tmp/www" 8080
wait_for 10 us_listening 8080 || die "http.server does not listen"
case_ok "http.server: fetch 20 MB" in_host curl -sS -o "$tmp/got" "http://$stack_ip:8080/file"
case_ok "same bytes" cmp "$tmp/www/file" "$tmp/got"
in_host wrk -t1 -c8 -d1s "http://$stack_ip:8080/" > "$tmp/wrk"
case_ok "wrk: no errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk'"
crossed_live tcp tx 20000000
stop "$us_pid"

new_stat
host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
want=$(in_host curl -sS "http://$host_ip:8000/10000000" | sha256sum)
case_eq "urllib" "$want" "$(us python3 -c '
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "http://$host_ip:8000/10000000" | sha256sum)"
crossed "$stat" tcp rx 10000000

new_stat
cat > "$tmp/echo.py" <<'PY'
import asyncio
async def handle(r, w):
    while data := await r.read(65536):
        w.write(data)
        await w.drain()
    w.close()
async def main():
    server = await asyncio.start_server(handle, "10.77.0.2", 7000, backlog=1024)
    async with server:
        await server.serve_forever()
asyncio.run(main())
PY
cat > "$tmp/clients.py" <<'PY'
import asyncio, hashlib, os
async def one(i, gate):
    r, w = await asyncio.open_connection("10.77.0.2", 7000)
    gate.append(i)
    while len(gate) < 1000:          # all are open before any talks
        await asyncio.sleep(0.01)
    data = os.urandom(20000)
    w.write(data)
    w.write_eof()
    back = await r.read(-1)
    w.close()
    return back == data
async def main():
    gate = []
    res = await asyncio.gather(*(one(i, gate) for i in range(1000)))
    print(sum(res))
asyncio.run(main())
PY
us_bg python3 "$tmp/echo.py"
wait_for 10 us_listening 7000 || die "echo.py does not listen"
case_eq "asyncio echo: 1000 connections at once" 1000 "$(ulimit -n 4096; in_host python3 "$tmp/clients.py")"
crossed_live tcp rx 20000000
stop "$us_pid"
finish
