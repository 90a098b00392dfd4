# The bench that the tests of link, net and udp work on: one core with a link and an interface.
check_LTLIBRARIES += libnetfix.la
libnetfix_la_SOURCES = tests/net/netfix.c tests/net/netfix.h tests/net/netfix6.c tests/net/netfix6.h
NETFIX_LIBS = libnetfix.la $(LDADD)

UNIT_TESTS += tests/net/check_ip6 tests/net/check_nd tests/net/check_arp tests/net/check_dhcp4 \
	tests/net/check_icmp4 tests/net/check_igmp tests/net/check_ip4_output \
	tests/net/check_ip4_rx tests/net/check_neigh tests/net/check_net tests/net/check_port \
	tests/net/check_reass
tests_net_check_arp_LDADD = $(NETFIX_LIBS)
tests_net_check_dhcp4_LDADD = $(NETFIX_LIBS)
tests_net_check_icmp4_LDADD = $(NETFIX_LIBS)
tests_net_check_ip4_output_LDADD = $(NETFIX_LIBS)
tests_net_check_ip4_rx_LDADD = $(NETFIX_LIBS)
tests_net_check_ip6_LDADD = $(NETFIX_LIBS)
tests_net_check_nd_LDADD = $(NETFIX_LIBS)
tests_net_check_neigh_LDADD = $(NETFIX_LIBS)
tests_net_check_igmp_LDADD = $(NETFIX_LIBS)
tests_net_check_net_LDADD = $(NETFIX_LIBS)
tests_net_check_port_LDADD = $(NETFIX_LIBS)
tests_net_check_reass_LDADD = $(NETFIX_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_reass
tests_fuzz_fuzz_reass_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_reass_LDFLAGS = $(FUZZ_LINK_FLAGS)
