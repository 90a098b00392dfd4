# Unit tests of stack/sock.

UNIT_TESTS += tests/sock/check_poll tests/sock/check_sock_opt tests/sock/check_sock_random \
	tests/sock/check_sock_tcp tests/sock/check_sock_udp
EXTRA_DIST += tests/sock/sock_tools.h tests/sock/kernel_opts.h tests/sock/kernel_opts_values.h

# What the kernel answers, for tests/sock/kernel_opts.h.
TEST_TOOLS += tests/sock/kernel_opts
tests_sock_kernel_opts_LDADD =
