#!/bin/bash
# shellcheck disable=SC2317,SC2009  # called by wait_for
# userstack run --rootless as an ordinary user without any capability: out through passt to a kernel server, in through passt to
# nginx; passt ends with the program. And the stream link by hand, as with qemu.
testbed_args=(-n 3)
. "$(dirname "$0")/lib.sh"
need_commands passt=passt setpriv=util-linux nginx=nginx-light

# The machine that the user sits at: a kernel with address and default route.
in_machine() { "$top_srcdir/scripts/testbed" exec "$TB" stack2 -- "$@"; }
in_machine ip link set us0 arp on
in_machine ip addr add 10.77.0.50/24 dev us0
in_machine ip route add default via "$host_ip"
user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all
    env -u XDG_RUNTIME_DIR HOME=/nonexistent)
mkdir -m 777 "$tmp/user"
rootless() { in_machine "${user[@]}" "$userstack" run --rootless --stat-file "$stat" "$@"; }
stat="$tmp/user/stat.1"
passt_lives() { ps -eo uid,args | grep -q '^ *65534 passt .*/tmp/userstack-'; }
passt_ended() { ! passt_lives; }
serves() { in_host curl -fsS -o /dev/null "http://10.77.0.50:8080/$1"; }

host_bg python3 "$programs_dir/httpd.py" 8000
wait_for 10 listening host 8000 || die "httpd.py does not listen"
want=$(in_host curl -sS "http://$host_ip:8000/3000000" | sha256sum)

case_eq "nobody: curl through passt" "$want" "$(rootless -- curl -sS -m 60 "http://$host_ip:8000/3000000" | sha256sum)"
crossed "$stat" tcp rx 3000000
case_eq "over the stream link" stream "$(stat_value "$stat" stack.link)"
case_eq "an address by DHCP" BOUND "$(stat_value "$stat" dhcp.state)"
case_ok "passt ends with the program" wait_for 10 passt_ended
stat="$tmp/user/stat.2"
case_eq "exit status of the program" 7 "$(rootless -- sh -c 'exit 7'; echo $?)"
stat="$tmp/user/stat.3"
case_eq "two programs one after the other" 2000 "$(rootless -- sh -c "curl -sS -m 60 http://$host_ip:8000/1000; curl -sS -m 60 http://$host_ip:8000/1000" | wc -c)"

# --- a server
mkdir -m 777 "$tmp/user/www"
head -c 300000 /dev/urandom > "$tmp/user/www/file"
chmod 644 "$tmp/user/www/file"
cat > "$tmp/user/nginx.conf" <<EOF
daemon off; master_process off; pid $tmp/user/nginx.pid; error_log $tmp/user/nginx.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $tmp/user/b; proxy_temp_path $tmp/user/p; fastcgi_temp_path $tmp/user/f;
       uwsgi_temp_path $tmp/user/u; scgi_temp_path $tmp/user/s;
       server { listen 8080; root $tmp/user/www; } }
EOF
stat="$tmp/user/stat.4"
"$top_srcdir/scripts/testbed" exec "$TB" stack2 -- "${user[@]}" "$userstack" run --rootless --publish 8080 --stat-file "$stat" -- \
    nginx -e "$tmp/user/nginx.log" -c "$tmp/user/nginx.conf" &
nginx_pid=$!
case_ok "nginx through passt" wait_for 20 serves file
case_eq "nginx: the file" "$(sha256sum < "$tmp/user/www/file")" "$(in_host curl -sS http://10.77.0.50:8080/file | sha256sum)"
case_ok "passt lives as long as the program" passt_lives
stop "$nginx_pid"
crossed "$stat" tcp tx 600000
case_ok "passt ends with the server" wait_for 10 passt_ended
case_eq "nothing is left behind" "" "$(find /tmp -maxdepth 1 -name 'userstack-*' -user nobody)"

# --- in a user namespace of its own, no passt by hand: root of nothing
stat="$tmp/user/stat.5"
case_eq "unshare -r" "$want" "$(in_machine "${user[@]}" unshare -r "$userstack" run --rootless --stat-file "$stat" -- curl -sS -m 60 "http://$host_ip:8000/3000000" | sha256sum)"
case_ok "passt ends there too" wait_for 10 passt_ended

# --- errors are one line
refused() { # NAME PATTERN CMD...
    local name=$1 pattern=$2 rc
    shift 2
    "$@" > "$tmp/out" 2> "$tmp/err"
    rc=$?
    if [ $rc -eq 125 ] && [ "$(wc -l < "$tmp/err")" -eq 1 ] && grep -qE "$pattern" "$tmp/err"; then
        pass "$name: $(cat "$tmp/err")"
    else
        fail "$name: exit $rc, stderr: $(cat "$tmp/err")"
    fi
}
no_passt() { # a PATH without passt
    mkdir -p "$tmp/bin"
    ln -sf /bin/true "$tmp/bin/true"
    in_machine "${user[@]}" PATH="$tmp/bin" "$userstack" run --rootless -- true
}
refused "no passt" "install passt" no_passt
refused "an interface as well" "leave out -i" in_machine "${user[@]}" "$userstack" run --rootless -i us0 -- true
refused "--publish alone" "goes with --rootless" in_machine "${user[@]}" "$userstack" run --publish 80 -i us0 -4 10.0.0.2/24 -- true
refused "a bad port" "passt: " in_machine "${user[@]}" "$userstack" run --rootless --publish nonsense -- true

# --- the stream link by hand
in_machine "${user[@]}" "$userstack" run -i "stream:$tmp/user/none" -4 10.77.0.9/24 -- curl -sS -m 5 "http://$host_ip:8000/1" > "$tmp/out" 2> "$tmp/err"
case_ok "nobody listens: one line" grep -q "^userstack: stream:$tmp/user/none: nobody listens there" "$tmp/err"
finish
