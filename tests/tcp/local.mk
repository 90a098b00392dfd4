# Scripts in packetdrill's language over one TCP with a hand-driven peer, see tcpfix.h.
check_LTLIBRARIES += libtcpfix.la
libtcpfix_la_SOURCES = tests/tcp/tcpfix.c tests/tcp/tcpfix.h
TCPFIX_LIBS = libtcpfix.la $(LDADD)

UNIT_TESTS += tests/tcp/check_tcp_open tests/tcp/check_tcp_recv tests/tcp/check_tcp_send \
	tests/tcp/check_tcp_loss tests/tcp/check_tcp_close tests/tcp/check_tcp_listen \
	tests/tcp/check_tcp_parts
tests_tcp_check_tcp_open_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_recv_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_send_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_loss_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_close_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_listen_LDADD = $(TCPFIX_LIBS)
tests_tcp_check_tcp_parts_LDADD = $(LDADD) -lm
UNIT_TESTS += tests/tcp/check_tcp_hystart
UNIT_TESTS += tests/tcp/check_tcp_cookie
tests_tcp_check_tcp_cookie_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_blackhole
UNIT_TESTS += tests/tcp/check_tcp_limits
tests_tcp_check_tcp_limits_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_pair
UNIT_TESTS += tests/tcp/check_tcp_info
tests_tcp_check_tcp_info_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_fastopen
tests_tcp_check_tcp_fastopen_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_recovery
tests_tcp_check_tcp_recovery_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_wnd
tests_tcp_check_tcp_wnd_LDADD = $(TCPFIX_LIBS)
UNIT_TESTS += tests/tcp/check_tcp_user
tests_tcp_check_tcp_user_LDADD = $(TCPFIX_LIBS)
