# Tests: unit programs (libcheck) and scripts for make check, programs for make check-net.

LDADD = libsupport.la $(CORE_LIBS) $(CHECK_LIBS)

include tests/support/local.mk
include tests/base/local.mk
include tests/wire/local.mk
include tests/link/local.mk
include tests/net/local.mk
include tests/udp/local.mk
include tests/tcp/local.mk
include tests/sock/local.mk
include tests/api/local.mk
include tests/sim/local.mk
include tests/host/local.mk
include tests/preload/local.mk
include tests/programs/local.mk
include tests/differential/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk

check_PROGRAMS = $(UNIT_TESTS) $(TEST_TOOLS) $(FUZZ_TARGETS)
TESTS = $(UNIT_TESTS) $(SCRIPT_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS) $(NET_TESTS) $(LONG_TESTS)

# CK_DEFAULT_TIMEOUT: libcheck's four seconds are too short under a sanitizer on a busy machine.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	FUZZ_TARGETS='$(FUZZ_TARGETS)'; export FUZZ_TARGETS; \
	CC='$(CC)'; export CC; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-60}; export CK_DEFAULT_TIMEOUT; \
	UBSAN_OPTIONS=$${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}; export UBSAN_OPTIONS;

# Without root, scripts/check-net says so in one line and fails.
check-net: all $(TEST_TOOLS)
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	$(top_srcdir)/scripts/check-net $(NET_TESTS)

# What takes hours; scripts/check --long runs it.
check-long: all $(TEST_TOOLS) $(FUZZ_TARGETS)
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) CHECK_NET_LIMIT=21600 \
	$(top_srcdir)/scripts/check-net $(LONG_TESTS)
.PHONY: check-net check-long
