# Programs that scripts/bench runs: TEST_TOOLS += tests/bench/NAME

TEST_TOOLS += tests/bench/pingpong tests/bench/datagrams tests/bench/idle_conns
TEST_TOOLS += tests/bench/presence
tests_bench_presence_LDADD =
tests_bench_pingpong_LDADD =
tests_bench_datagrams_LDADD =
tests_bench_idle_conns_LDADD =

# How much of a simulated link is used: a table, JSON and a plot; minutes.
EXTRA_PROGRAMS = tests/bench/sim_bench
bench-sim: tests/bench/sim_bench
	$(AM_V_at)$(top_srcdir)/scripts/bench-sim tests/bench/sim_bench
.PHONY: bench-sim
EXTRA_DIST += scripts/bench-sim tests/bench/figures.py
