# Unit tests of stack/wire.

UNIT_TESTS += \
	tests/wire/check_dhcp4 \
	tests/wire/check_eth_arp \
	tests/wire/check_gso_hdr \
	tests/wire/check_icmp4 \
	tests/wire/check_ip4 \
	tests/wire/check_ip6 \
	tests/wire/check_tcp \
	tests/wire/check_udp
EXTRA_DIST += tests/wire/dhcp4_tools.h tests/wire/wire_tools.h
