# Sources and headers of stack/link.

noinst_LTLIBRARIES += liblink.la
liblink_la_SOURCES = stack/link/link.c stack/link/link.h stack/link/gso.c stack/link/gso.h \
	stack/link/fault.c stack/link/fault_parse.c stack/link/fault.h \
	stack/link/pair.c stack/link/pair.h
