# libuserstack.so: the interposed calls above the whole stack.
#
# It needs libc only and exports the names of preload/calls.def only (scripts/check-exports).

lib_LTLIBRARIES += libuserstack.la
libuserstack_la_SOURCES = \
	preload/addr.c preload/call.h preload/calls.def preload/cmsg.c preload/config.c \
	preload/conn.c preload/decide.c preload/decide.h preload/dup.c preload/enter.c \
	preload/epoll_calls.c preload/fcntl.c preload/fdtab.c preload/fdtab.h preload/internal.h \
	preload/life.c preload/msg.h preload/names/answer.c preload/names/dns.c \
	preload/names/gai.c preload/names/hostent.c preload/names/hosts.c \
	preload/names/nameinfo.c preload/names/names.h preload/names/nss.c \
	preload/names/res.c preload/names/sort.c preload/opt.c preload/place.c preload/poll_calls.c \
	preload/process.c preload/real.c preload/real.h preload/recv.c preload/send.c \
	preload/sendfile.c preload/sigcalls.c preload/signal.c preload/signals.h \
	preload/syscall.c preload/uiter.c preload/user.c preload/user.h
# We write out what the checked twins redirect to.
libuserstack_la_CFLAGS = $(AM_CFLAGS) $(US_PRELOAD_CFLAGS) -U_FORTIFY_SOURCE
libuserstack_la_LIBADD = $(STACK_LIBS)
libuserstack_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--as-needed -Wl,-Bsymbolic -Wl,--version-script=preload/exports.map
libuserstack_la_DEPENDENCIES = $(STACK_LIBS) preload/exports.map

preload/exports.map: $(top_srcdir)/preload/calls.def $(top_srcdir)/scripts/gen-exports
	$(AM_V_GEN)$(MKDIR_P) preload && \
	$(SHELL) $(top_srcdir)/scripts/gen-exports $(top_srcdir)/preload/calls.def > $@.tmp && \
	mv $@.tmp $@
CLEANFILES += preload/exports.map

include preload/cmd/local.mk
