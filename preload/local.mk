# libuserstack.so: the interposed calls above the whole stack.
#
# It needs libc only and exports the names of preload/calls.def only (scripts/check-exports).

lib_LTLIBRARIES += libuserstack.la
libuserstack_la_SOURCES =
libuserstack_la_SOURCES += preload/addr.c
libuserstack_la_SOURCES += preload/call.h
libuserstack_la_SOURCES += preload/calls.def
libuserstack_la_SOURCES += preload/cmsg.c
libuserstack_la_SOURCES += preload/config.c
libuserstack_la_SOURCES += preload/conn.c
libuserstack_la_SOURCES += preload/worlds.c preload/worlds.h preload/decide.c
libuserstack_la_SOURCES += preload/decide.h
libuserstack_la_SOURCES += preload/dup.c
libuserstack_la_SOURCES += preload/enter.c
libuserstack_la_SOURCES += preload/epoll_calls.c
libuserstack_la_SOURCES += preload/exec.c
libuserstack_la_SOURCES += preload/fcntl.c
libuserstack_la_SOURCES += preload/fdtab.c
libuserstack_la_SOURCES += preload/fdtab.h
libuserstack_la_SOURCES += preload/iface.c
libuserstack_la_SOURCES += preload/iface.h
libuserstack_la_SOURCES += preload/internal.h
libuserstack_la_SOURCES += preload/life.c
libuserstack_la_SOURCES += preload/msg.h
libuserstack_la_SOURCES += preload/names/answer.c
libuserstack_la_SOURCES += preload/names/dns.c
libuserstack_la_SOURCES += preload/names/gai.c
libuserstack_la_SOURCES += preload/names/hostent.c
libuserstack_la_SOURCES += preload/names/hosts.c
libuserstack_la_SOURCES += preload/names/nameinfo.c
libuserstack_la_SOURCES += preload/names/names.h
libuserstack_la_SOURCES += preload/names/nss.c
libuserstack_la_SOURCES += preload/names/res.c
libuserstack_la_SOURCES += preload/names/sort.c
libuserstack_la_SOURCES += preload/opt.c
libuserstack_la_SOURCES += preload/place.c
libuserstack_la_SOURCES += preload/poll_calls.c
libuserstack_la_SOURCES += preload/privilege.c
libuserstack_la_SOURCES += preload/process.c
libuserstack_la_SOURCES += preload/rare.c
libuserstack_la_SOURCES += preload/real.c
libuserstack_la_SOURCES += preload/real.h
libuserstack_la_SOURCES += preload/recv.c
libuserstack_la_SOURCES += preload/sandbox.c
libuserstack_la_SOURCES += preload/send.c
libuserstack_la_SOURCES += preload/sendfile.c
libuserstack_la_SOURCES += preload/sigcalls.c
libuserstack_la_SOURCES += preload/signal.c
libuserstack_la_SOURCES += preload/signals.h
libuserstack_la_SOURCES += preload/stdio_calls.c
libuserstack_la_SOURCES += preload/stdio_calls.h
libuserstack_la_SOURCES += preload/syscall.c
libuserstack_la_SOURCES += preload/uiter.c
libuserstack_la_SOURCES += preload/user.c
libuserstack_la_SOURCES += preload/user.h
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
EXTRA_DIST += preload/calls.not
