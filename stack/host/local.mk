# Sources and headers of stack/host: what needs Linux.

noinst_LTLIBRARIES += libhost.la
libhost_la_CPPFLAGS = $(AM_CPPFLAGS) -DUSERSTACK_BINDIR=\"$(bindir)\"
libhost_la_SOURCES = stack/host/host.h stack/host/priv.h stack/host/sys.h stack/host/control.h \
	stack/host/dev_packet.h stack/host/arena.c stack/host/capture.c stack/host/control.c \
	stack/host/dev_common.c stack/host/dev_common.h stack/host/dev_stream.c stack/host/dev_tap.c \
	stack/host/dev_packet.c stack/host/dev_pcap.c stack/host/exit.c stack/host/fds.c \
	stack/host/identity.c stack/host/lease.c stack/host/lock.c stack/host/misc.c stack/host/packet_filter.c stack/host/proc.c stack/host/proc.h stack/host/exec.c stack/host/image.c stack/host/keeper.c \
	stack/host/report.c stack/host/thread.c stack/host/turn.c stack/host/up.c \
	stack/host/wait.c
