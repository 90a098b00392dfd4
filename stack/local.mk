# The layers, from the ground up, and the three files that see them all.

include stack/base/local.mk
include stack/wire/local.mk
include stack/link/local.mk
include stack/net/local.mk
include stack/udp/local.mk
include stack/tcp/local.mk
include stack/sock/local.mk

# rx.c, loop.c, api.c, and the public interface
noinst_LTLIBRARIES += libstackcore.la
libstackcore_la_SOURCES = stack/stack.h stack/stack_priv.h stack/rx.c stack/loop.c stack/api.c \
	stack/ust.c stack/ust_priv.h stack/ust_tcp.c

include stack/host/local.mk
