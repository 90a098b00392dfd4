UNIT_TESTS += tests/link/check_fault tests/link/check_fault_stack tests/link/check_gso \
	tests/link/check_link
tests_link_check_fault_LDADD = $(NETFIX_LIBS)
tests_link_check_fault_stack_SOURCES = tests/link/check_fault_stack.c tests/sim/transfer.c \
	tests/sim/transfer.h
tests_link_check_gso_LDADD = $(NETFIX_LIBS)
tests_link_check_link_LDADD = $(NETFIX_LIBS)
