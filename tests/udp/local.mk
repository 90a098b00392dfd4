UNIT_TESTS += tests/udp/check_udp tests/udp/check_dgram
tests_udp_check_udp_LDADD = $(NETFIX_LIBS)
tests_udp_check_dgram_LDADD = $(NETFIX_LIBS)
