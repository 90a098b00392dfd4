#!/bin/bash
# OpenSSH, privilege separation and sandbox on: sshd under the stack with logins and copies from the kernel side, and ssh under the stack to a kernel sshd.
. "$(dirname "$0")/lib.sh"

mkdir -p /run/sshd "$tmp/home"
ssh-keygen -q -t ed25519 -N '' -f "$tmp/host"
ssh-keygen -q -t ed25519 -N '' -f "$tmp/user"
cp "$tmp/user.pub" "$tmp/keys"
chmod 644 "$tmp/keys"
cat > "$tmp/sshd.conf" <<CONF
HostKey $tmp/host
AuthorizedKeysFile $tmp/keys
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
UsePAM no
MaxStartups 100
PidFile $tmp/sshd.pid
Subsystem sftp internal-sftp
CONF
opts=(-F none -i "$tmp/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes)

us /usr/sbin/sshd -f "$tmp/sshd.conf" -E "$tmp/sshd.log" || die "sshd does not start"
wait_for 10 us_listening 22 || die "sshd does not listen: $(cat "$tmp/sshd.log")"
case_eq "ssh from the kernel" "hello" "$(in_host timeout 20 ssh "${opts[@]}" "root@$stack_ip" echo hello)"
useradd -p '*' -M -d / -s /bin/bash userstack-test 2>/dev/null
on_exit "userdel userstack-test 2>/dev/null"
# shellcheck disable=SC2016
case_eq "a login of another user has nothing of the stack" "in 0" \
    "$(in_host timeout 20 ssh "${opts[@]}" "userstack-test@$stack_ip" \
        'echo in $( { env; ls -l /proc/self/fd; cat /proc/self/maps; } | grep -cE "USERSTACK|LD_PRELOAD|userstack[.]|memfd")')"
for i in 1 2 3 4 5 6 7 8 9 10; do
    in_host timeout 60 ssh "${opts[@]}" "root@$stack_ip" "echo login $i" > "$tmp/login.$i" &
    pids[i]=$!
done
for i in 1 2 3 4 5 6 7 8 9 10; do wait "${pids[i]}"; done
case_eq "10 logins at once" 10 "$(cat "$tmp"/login.* | grep -c '^login')"
head -c "${SCP_BYTES:-50000000}" /dev/urandom > "$tmp/data"
case_ok "scp to the stack" in_host timeout 120 scp -q "${opts[@]}" "$tmp/data" "root@$stack_ip:$tmp/there"
case_ok "same bytes" cmp "$tmp/data" "$tmp/there"
case_ok "scp from the stack" in_host timeout 120 scp -q "${opts[@]}" "root@$stack_ip:$tmp/there" "$tmp/back"
case_ok "same bytes" cmp "$tmp/data" "$tmp/back"
crossed_live tcp rx "${SCP_BYTES:-50000000}"
pid=$(cat "$tmp/sshd.pid")
kill "$pid"
gone() { [ ! -e "/proc/$pid" ]; }
wait_for 10 gone

sed -i 's/^PidFile.*/PidFile none/' "$tmp/sshd.conf"
host_bg /usr/sbin/sshd -D -f "$tmp/sshd.conf" -E "$tmp/sshd2.log"
wait_for 10 listening host 22 || die "the kernel's sshd does not listen"
new_stat
case_eq "ssh under the stack" "hello" "$(us timeout 20 ssh "${opts[@]}" "root@$host_ip" echo hello)"
kill "$host_pid"
finish
