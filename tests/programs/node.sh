#!/bin/bash
# node under the stack: http server, fetch; the other end is the kernel's.
. "$(dirname "$0")/lib.sh"
need_commands node=nodejs

cat > "$tmp/server.js" <<'JS'
const http = require('http');
http.createServer((q, r) => {
  let n = 0;
  q.on('data', d => { n += d.length; });
  q.on('end', () => r.end(q.url === '/big' ? Buffer.alloc(10000000, 'x') : 'got ' + n));
}).listen(8080);
JS
us_bg node "$tmp/server.js"
wait_for 20 us_listening 8080 || die "node does not listen"
case_eq "http server: 10 MB" 10000000 "$(in_host curl -sS "http://$stack_ip:8080/big" | wc -c)"
head -c 5000000 /dev/zero > "$tmp/up"
case_eq "http server: upload" "got 5000000" "$(in_host curl -sS --data-binary "@$tmp/up" "http://$stack_ip:8080/")"
in_host wrk -t1 -c16 -d1s "http://$stack_ip:8080/" > "$tmp/wrk"
case_ok "wrk: no errors" sh -c "! grep -E 'Socket errors|Non-2xx' '$tmp/wrk'"
crossed_live tcp tx 10000000
stop "$us_pid"

new_stat
host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
case_eq "fetch" 3000000 "$(us node -e '
fetch(process.argv[1]).then(r => r.arrayBuffer()).then(b => console.log(b.byteLength))' "http://$host_ip:8000/3000000")"
crossed "$stat" tcp rx 3000000
finish
