UNIT_TESTS += tests/udp/check_udp
tests_udp_check_udp_LDADD = $(NETFIX_LIBS)
