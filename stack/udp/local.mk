# Sources and headers of stack/udp.

noinst_LTLIBRARIES += libudp.la
libudp_la_SOURCES = stack/udp/udp.c stack/udp/udp_rx.c stack/udp/udp_send.c stack/udp/mcast.c \
	stack/udp/ping.c stack/udp/raw.c \
	stack/udp/udp.h stack/udp/priv.h
