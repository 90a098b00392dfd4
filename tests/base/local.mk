# Unit tests of stack/base.

UNIT_TESTS += \
	tests/base/check_addr \
	tests/base/check_arena \
	tests/base/check_csum \
	tests/base/check_htab \
	tests/base/check_pkt \
	tests/base/check_rbtree \
	tests/base/check_rng \
	tests/base/check_sbuf \
	tests/base/check_trace \
	tests/base/check_wheel
EXTRA_DIST += tests/base/check_tools.h
