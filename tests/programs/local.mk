# Real programs under the stack. Run as root by make check-net.

NET_TESTS += tests/programs/curl.sh tests/programs/wget.sh tests/programs/nc.sh \
	tests/programs/nginx.sh tests/programs/nginx_workers.sh tests/programs/fork.sh \
	tests/programs/python.sh tests/programs/iperf3.sh \
	tests/programs/redis.sh tests/programs/ping.sh tests/programs/bad_input.sh tests/programs/capture.sh tests/programs/exit.sh \
	tests/programs/links.sh \
	tests/programs/bridge.sh tests/programs/names.sh
EXTRA_DIST += tests/programs/PACKAGES tests/programs/lib.sh tests/programs/httpd.py

TEST_TOOLS += tests/programs/names_probe
tests_programs_names_probe_LDADD = -lresolv
EXTRA_DIST += tests/programs/names_server.py
