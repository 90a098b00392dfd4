# Programs that run on the kernel and under the stack; run.sh compares their logs.

diff_world = tests/differential/world.c tests/differential/world.h tests/differential/common.h
TEST_TOOLS += tests/differential/connect_errors tests/differential/efault tests/differential/signals
tests_differential_connect_errors_SOURCES = tests/differential/connect_errors.c \
	tests/differential/common.h
tests_differential_connect_errors_LDADD =
tests_differential_efault_SOURCES = tests/differential/efault.c tests/differential/common.h
tests_differential_efault_LDADD =
tests_differential_signals_SOURCES = tests/differential/signals.c tests/differential/common.h
tests_differential_signals_LDADD =
NET_TESTS += tests/differential/run.sh
EXTRA_DIST += tests/differential/peer.py tests/differential/errors.py \
	tests/differential/ERRORS tests/differential/DIFFERENCES
TEST_TOOLS += tests/differential/states
tests_differential_states_SOURCES = tests/differential/states.c $(diff_world)
tests_differential_states_LDADD =
