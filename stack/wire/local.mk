# Sources and headers of stack/wire.

noinst_LTLIBRARIES += libwire.la
libwire_la_SOURCES = \
	stack/wire/arp.c stack/wire/arp.h \
	stack/wire/bytes.h \
	stack/wire/dhcp4.c stack/wire/dhcp4.h \
	stack/wire/eth.c stack/wire/eth.h \
	stack/wire/gso_hdr.c stack/wire/gso_hdr.h \
	stack/wire/icmp4.c stack/wire/icmp4.h \
	stack/wire/icmp6.c stack/wire/icmp6.h \
	stack/wire/igmp.c stack/wire/igmp.h \
	stack/wire/ip4.c stack/wire/ip4.h \
	stack/wire/ip6.c stack/wire/ip6.h \
	stack/wire/mld.c stack/wire/mld.h \
	stack/wire/nd.c stack/wire/nd.h \
	stack/wire/tcp.c stack/wire/tcp.h \
	stack/wire/udp.c stack/wire/udp.h
