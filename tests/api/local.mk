# Unit tests of the public interface: nothing but the installed headers.

UNIT_TESTS += tests/api/check_ust_tcp
EXTRA_DIST += tests/api/two.h
