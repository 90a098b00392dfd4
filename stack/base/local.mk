# Sources and headers of stack/base.

noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = \
	stack/base/addr.c stack/base/addr.h \
	stack/base/arena.c stack/base/arena.h \
	stack/base/arena_check.c stack/base/arena_priv.h \
	stack/base/core.c stack/base/core.h \
	stack/base/csum.c stack/base/csum.h \
	stack/base/drop.c stack/base/drop.h \
	stack/base/htab.c stack/base/htab.h \
	stack/base/pkt.c stack/base/pkt.h \
	stack/base/rbtree.c stack/base/rbtree.h \
	stack/base/rng.c stack/base/rng.h \
	stack/base/sbuf.c stack/base/sbuf.h \
	stack/base/slab.c \
	stack/base/trace.c stack/base/trace.h \
	stack/base/types.h \
	stack/base/wheel.c stack/base/wheel.h
