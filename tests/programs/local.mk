# Real programs under the stack. Run as root by make check-net.

NET_TESTS += tests/programs/bad_input.sh
NET_TESTS += tests/programs/bridge.sh
NET_TESTS += tests/programs/capture.sh
NET_TESTS += tests/programs/clients.sh
NET_TESTS += tests/programs/curl.sh
NET_TESTS += tests/programs/dhcp.sh
NET_TESTS += tests/programs/exec.sh
NET_TESTS += tests/programs/exit.sh
NET_TESTS += tests/programs/fastopen.sh
NET_TESTS += tests/programs/fork.sh
NET_TESTS += tests/programs/haproxy.sh
NET_TESTS += tests/programs/iface.sh
NET_TESTS += tests/programs/iperf3.sh
NET_TESTS += tests/programs/java.sh
NET_TESTS += tests/programs/keeper.sh
NET_TESTS += tests/programs/lighttpd.sh
NET_TESTS += tests/programs/links.sh
NET_TESTS += tests/programs/memcached.sh
NET_TESTS += tests/programs/names.sh
NET_TESTS += tests/programs/nc.sh
NET_TESTS += tests/programs/nc_kinds.sh
NET_TESTS += tests/programs/nginx.sh
NET_TESTS += tests/programs/nginx_workers.sh
NET_TESTS += tests/programs/node.sh
NET_TESTS += tests/programs/ping.sh
NET_TESTS += tests/programs/python.sh
NET_TESTS += tests/programs/redis.sh
NET_TESTS += tests/programs/rsync.sh
NET_TESTS += tests/programs/rootless.sh
NET_TESTS += tests/programs/sshd.sh
NET_TESTS += tests/programs/tap.sh
NET_TESTS += tests/programs/tls.sh
NET_TESTS += tests/programs/wget.sh
LONG_TESTS += tests/programs/under_loss.sh

EXTRA_DIST += tests/programs/PACKAGES
EXTRA_DIST += tests/programs/Web.java
EXTRA_DIST += tests/programs/httpd.py
EXTRA_DIST += tests/programs/lib.sh
EXTRA_DIST += tests/programs/names_server.py

TEST_TOOLS += tests/programs/iface_probe
tests_programs_iface_probe_LDADD =
TEST_TOOLS += tests/programs/names_probe
tests_programs_names_probe_LDADD = -lresolv
