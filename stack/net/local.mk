# Sources and headers of stack/net.

noinst_LTLIBRARIES += libnet.la
libnet_la_SOURCES = stack/net/net.c stack/net/net.h stack/net/priv.h stack/net/ip.h \
	stack/net/arp.c stack/net/neigh.c stack/net/neigh.h stack/net/out.c stack/net/route.c \
	stack/net/dhcp4.c stack/net/dhcp4.h stack/net/dhcp4_lease.c \
	stack/net/ip4_rx.c stack/net/ip4_output.c stack/net/reass.c stack/net/reass.h \
	stack/net/icmp4.c stack/net/igmp.c stack/net/group.c stack/net/errq.c stack/net/errq.h stack/net/pmtu.c stack/net/pmtu.h \
	stack/net/ip6_rx.c stack/net/ip6_output.c stack/net/icmp6.c stack/net/src6.c \
	stack/net/nd.c stack/net/nd.h stack/net/nd_addr.c stack/net/nd_router.c \
	stack/net/slaac.c stack/net/mld.c stack/net/dns.c \
	stack/net/port.c stack/net/port.h stack/net/pcb.h
