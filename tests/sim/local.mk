# tests/sim/run: random transfers, one seed one run. `make check` runs its default number of seeds.

UNIT_TESTS += tests/sim/run tests/sim/check_addr tests/sim/check_ip6
tests_sim_run_SOURCES = tests/sim/run.c tests/sim/transfer.h tests/sim/transfer.c
SCRIPT_TESTS += tests/sim/repeat
