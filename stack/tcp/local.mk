# Sources and headers of stack/tcp.

noinst_LTLIBRARIES += libtcp.la
libtcp_la_SOURCES = \
	stack/tcp/tcp.h stack/tcp/tcb.h stack/tcp/cc.h \
	stack/tcp/tcp.c stack/tcp/tcp_user.c stack/tcp/tcp_data.c stack/tcp/tcp_info.c \
	stack/tcp/tcp_state.c stack/tcp/tcp_rx.c stack/tcp/tcp_rx_syn.c stack/tcp/tcp_listen.c \
	stack/tcp/tcp_tw.c stack/tcp/tcp_ack.c stack/tcp/tcp_seg.c stack/tcp/tcp_ooo.c \
	stack/tcp/tcp_wnd.c stack/tcp/tcp_rtt.c stack/tcp/tcp_rack.c stack/tcp/tcp_recovery.c \
	stack/tcp/tcp_undo.c stack/tcp/tcp_output.c stack/tcp/tcp_ctl.c stack/tcp/tcp_timer.c \
	stack/tcp/tcp_isn.c stack/tcp/tcp_fastopen.c stack/tcp/tcp_pmtu.c stack/tcp/tcp_rebuild.c \
	stack/tcp/cc.c stack/tcp/cc_cubic.c stack/tcp/cc_hystart.c
