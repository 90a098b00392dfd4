# The command `userstack`. It is linked against the convenience libraries, never against
# libuserstack.so, so the program in the build folder is the real one and not a wrapper.

bin_PROGRAMS += userstack
userstack_SOURCES = preload/cmd/userstack.c preload/cmd/rootless.c preload/cmd/run.c preload/cmd/program.c \
	preload/cmd/live.c preload/cmd/bridge.c preload/cmd/cmd.h preload/config.c
userstack_CPPFLAGS = $(AM_CPPFLAGS) -DUSERSTACK_LIBDIR=\"$(libdir)\"
userstack_LDADD = $(STACK_LIBS)
dist_man_MANS += preload/cmd/userstack.1 preload/userstack.7
