# Sources and headers of stack/sock.

noinst_LTLIBRARIES += libsock.la
libsock_la_SOURCES = \
	stack/sock/epset.c \
	stack/sock/poll.c \
	stack/sock/poll.h \
	stack/sock/sock.c \
	stack/sock/sock.h \
	stack/sock/sock_data.c \
	stack/sock/sock_opt.c \
	stack/sock/sock_opt_ip.c \
	stack/sock/sock_opt_mcast.c \
	stack/sock/sock_opt_raw.c \
	stack/sock/sock_opt_socket.c \
	stack/sock/sock_opt_tcp.c \
	stack/sock/sock_priv.h \
	stack/sock/sock_repair.c
