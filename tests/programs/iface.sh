#!/bin/bash
# Interfaces: what a program sees of the stack's is what it would see if the kernel had the stack's address on it.
. "$(dirname "$0")/lib.sh"

# The kernel's interface that it is compared with has no IPv6.
us_args+=(-6 none)

us_tb=$TB
testbed_up
kernel_tb=$TB
"$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- sh -c '
    ip link set us0 arp on && ip addr add 10.77.0.2/24 brd + dev us0'
TB=$us_tb
probe="$top_builddir/tests/programs/iface_probe"
mac_of() { "$top_srcdir/scripts/testbed" exec "$1" stack -- cat /sys/class/net/us0/address; }
"$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- ip link set us0 address "$(mac_of "$us_tb")"
"$top_srcdir/scripts/testbed" exec "$kernel_tb" stack -- "$probe" > "$tmp/kernel" 2>&1 < /dev/null
us_args=(run -i us0 -4 "$stack_ip/24" -6 none) # the kernel's end has no IPv6 there
us "$probe" > "$tmp/us" 2>&1 < /dev/null
if diff -u "$tmp/kernel" "$tmp/us" > "$tmp/diff"; then
    pass "$(wc -l < "$tmp/us") facts alike"
else
    fail "what libc shows (kernel -, stack +)"
    sed 's/^/    /' "$tmp/diff"
fi
us_args=(run -i us0 -4 "$stack_ip/24,10.77.0.3/24" --mac 02:00:00:00:00:77 --mtu 1400)
us python3 - > "$tmp/py" 2>&1 <<'PY'
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def ask(req):
    return fcntl.ioctl(s, req, struct.pack("40s", b"us0"))
print(socket.if_nameindex())
print(struct.unpack("16si", ask(0x8921)[:20])[1], ask(0x8927)[18:24].hex(":"), socket.inet_ntoa(ask(0x8915)[20:24]))
PY
case_eq "own MAC address and MTU" "1400 02:00:00:00:00:77 10.77.0.2" "$(tail -1 "$tmp/py")"
finish
