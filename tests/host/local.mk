# Unit tests of stack/host, without root: the device is a socketpair.

UNIT_TESTS += tests/host/check_dev_stream tests/host/check_life tests/host/check_wait tests/host/check_capture \
	tests/host/check_packet_filter
tests_host_check_dev_stream_SOURCES = tests/host/check_dev_stream.c tests/host/fake.c tests/host/fake.h
tests_host_check_dev_stream_LDADD = libhost.la $(LDADD)
tests_host_check_life_SOURCES = tests/host/check_life.c tests/host/fake.c tests/host/fake.h
tests_host_check_life_LDADD = libhost.la $(LDADD)
tests_host_check_wait_SOURCES = tests/host/check_wait.c tests/host/fake.c tests/host/fake.h
tests_host_check_wait_LDADD = libhost.la $(LDADD)
tests_host_check_capture_LDADD = libhost.la $(LDADD)
tests_host_check_packet_filter_LDADD = libhost.la $(LDADD)

# With root: the real devices.
TEST_TOOLS += tests/host/idle
tests_host_idle_LDADD = libhost.la $(LDADD)
NET_TESTS += tests/host/packet.sh
