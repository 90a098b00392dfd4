# UNIT_TESTS += tests/preload/check_NAME       (its source is tests/preload/check_NAME.c)
# tests_preload_check_NAME_SOURCES = ...      (only if there is more than that one file)

UNIT_TESTS += tests/preload/check_config
tests_preload_check_config_SOURCES = tests/preload/check_config.c preload/config.c
tests_preload_check_config_LDADD = $(STACK_LIBS) $(CHECK_LIBS)

# The whole library is linked into these: no privilege, no LD_PRELOAD.
EXTRA_DIST += tests/preload/null_dev.h

UNIT_TESTS += tests/preload/check_poll
tests_preload_check_poll_SOURCES = tests/preload/check_poll.c $(libuserstack_la_SOURCES)
tests_preload_check_poll_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_poll_LDADD = $(STACK_LIBS) $(CHECK_LIBS)

UNIT_TESTS += tests/preload/check_report
tests_preload_check_report_SOURCES = tests/preload/check_report.c $(libuserstack_la_SOURCES)
tests_preload_check_report_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_report_LDADD = $(STACK_LIBS) $(CHECK_LIBS)

UNIT_TESTS += tests/preload/check_user
tests_preload_check_user_SOURCES = tests/preload/check_user.c preload/uiter.c preload/user.c

# On both sides, as check_poll.
BOTH_SIDES = tests/preload/both.c tests/preload/both.h $(libuserstack_la_SOURCES)
UNIT_TESTS += tests/preload/check_data
tests_preload_check_data_SOURCES = tests/preload/check_data.c $(BOTH_SIDES)
tests_preload_check_data_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_data_LDADD = $(STACK_LIBS) $(CHECK_LIBS)

SCRIPT_TESTS += tests/preload/check_cmd
UNIT_TESTS += tests/preload/check_signal
tests_preload_check_signal_SOURCES = tests/preload/check_signal.c $(BOTH_SIDES)
tests_preload_check_signal_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_signal_LDADD = $(STACK_LIBS) $(CHECK_LIBS)
UNIT_TESTS += tests/preload/check_life
tests_preload_check_life_SOURCES = tests/preload/check_life.c $(BOTH_SIDES)
tests_preload_check_life_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_life_LDADD = $(STACK_LIBS) $(CHECK_LIBS)
UNIT_TESTS += tests/preload/check_strict
tests_preload_check_strict_SOURCES = tests/preload/check_strict.c $(BOTH_SIDES)
tests_preload_check_strict_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_strict_LDADD = $(STACK_LIBS) $(CHECK_LIBS)

# Loads the library as programs do.
UNIT_TESTS += tests/preload/check_load
tests_preload_check_load_LDADD = $(CHECK_LIBS)

UNIT_TESTS += tests/preload/check_names
tests_preload_check_names_SOURCES = tests/preload/check_names.c $(BOTH_SIDES)
tests_preload_check_names_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_names_LDADD = $(STACK_LIBS) $(CHECK_LIBS)
UNIT_TESTS += tests/preload/check_stdio
tests_preload_check_stdio_SOURCES = tests/preload/check_stdio.c $(BOTH_SIDES)
tests_preload_check_stdio_CFLAGS = $(libuserstack_la_CFLAGS)
tests_preload_check_stdio_LDADD = $(STACK_LIBS) $(CHECK_LIBS)
