# Fuzz targets: each defines LLVMFuzzerTestOneInput(). With --enable-fuzz they are libFuzzer
# programs; without it replay.c gives them a main() that runs the files of tests/fuzz/corpus/NAME,
# and make check does so.
#
# FUZZ_TARGETS += tests/fuzz/fuzz_NAME
# tests_fuzz_fuzz_NAME_LDADD = $(FUZZ_LIBS)
# tests_fuzz_fuzz_NAME_LDFLAGS = $(FUZZ_LINK_FLAGS)

if FUZZ
FUZZ_LIBS = $(LDADD)
FUZZ_LINK_FLAGS = $(AM_LDFLAGS) $(US_FUZZ_LDFLAGS)
else
FUZZ_LIBS = libfuzzreplay.la $(LDADD)
FUZZ_LINK_FLAGS = $(AM_LDFLAGS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_wire
tests_fuzz_fuzz_wire_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_wire_LDFLAGS = $(FUZZ_LINK_FLAGS)

# A stack in a box, which fuzz_frame and fuzz_tcp share.
check_LTLIBRARIES += libfuzzbox.la
libfuzzbox_la_SOURCES = tests/fuzz/box.h tests/fuzz/box.c tests/fuzz/slots.c tests/fuzz/peer.c

FUZZ_TARGETS += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_LDADD = libfuzzbox.la $(FUZZ_LIBS)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK_FLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_tcp
tests_fuzz_fuzz_tcp_LDADD = libfuzzbox.la $(FUZZ_LIBS)
tests_fuzz_fuzz_tcp_LDFLAGS = $(FUZZ_LINK_FLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_dhcp4
tests_fuzz_fuzz_dhcp4_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_dhcp4_LDFLAGS = $(FUZZ_LINK_FLAGS)

check_LTLIBRARIES += libfuzzreplay.la
libfuzzreplay_la_SOURCES = tests/fuzz/replay.c

SCRIPT_TESTS += tests/fuzz/run-corpus
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/dict tests/fuzz/seeds.py tests/fuzz/run-long
