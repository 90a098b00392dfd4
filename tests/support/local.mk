# What the tests share: virtual clock, simulator, hand-driven peer. Linked into every test.

check_LTLIBRARIES += libsupport.la
libsupport_la_SOURCES = tests/support/sim.h tests/support/sim.c tests/support/bulk.h tests/support/bulk.c
