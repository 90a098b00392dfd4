/* SPDX-License-Identifier: ISC */
/*
 * A stack in a box, for fuzz targets: one stack on a virtual clock, sockets in every state, and the
 * network's side of it. A target lays the box (box_begin), takes operations from its input (box_op
 * for those of the program and of time, its own for frames), and ends it (box_end), which proves
 * that nothing is left.
 *
 *     us 10.0.0.2 02::02                      the peer 10.0.0.1 02::01, pinned; the gateway too
 *     slot 0  listener :80                    flow 8, accepted: from port 7008
 *     slot 1  flow 0, established to :5000    from port 40000
 *     slot 2  flow 1, connecting to :5001     from port 40001
 *     slot 3  UDP bound to :53, member of 239.1.2.3
 *     slot 4  UDP connected to :5353, from port 40002
 *     slot 5  flow 8, accepted; slots 6 to 15 free
 *
 * What the peer knows it has learnt from the wire (peer.c), as a real one would. Everything that
 * the stack sends is checked there.
 *
 * FUZZ_TRACE=1 in the environment prints the operations and the stack's trace; FUZZ_EVERY=1 runs
 * stack_check() after each operation instead of after every eighth.
 */
#ifndef UST_TESTS_FUZZ_BOX_H
#define UST_TESTS_FUZZ_BOX_H

#include "stack.h"
#include "wire/tcp.h"

#define BOX_SLOTS 16
#define BOX_FLOWS 16
#define BOX_IP 0x0a000002u
#define BOX_PEER_IP 0x0a000001u
#define BOX_FRAME_MAX (70 * 1024)

/* ---- the input ---- */
struct in {
    const uint8_t *p;
    size_t left;
};
/* Behind the end stand zeros. */
uint8_t in_u8(struct in *in);
uint16_t in_u16(struct in *in);
/* At most n bytes. */
struct ust_slice in_bytes(struct in *in, size_t n);

/* An operation is a byte: the low half says which, the high half is its argument. Behind it what
 * it reads. */
enum op {
    OP_FRAME, /* the target's: fuzz_frame a raw frame, fuzz_tcp a segment */
    OP_FIXED, /* the target's: fuzz_frame a frame that is put right first, fuzz_tcp an ICMP error */
    OP_TIME,  /* arg: how long */
    OP_READ,  /* slot; u8 length; bit 7: the copy ends at the next OP_READ of the slot */
    OP_WRITE, /* slot; u8 length; bit 7: as above */
    OP_CLOSE, /* slot */
    OP_ABORT, /* slot: linger 0 and close */
    OP_SHUT,  /* slot; u8 how */
    OP_ACCEPT,  /* slot of the listener */
    OP_OPEN,    /* slot; u8 kind and destination; u16 port */
    OP_CONNECT, /* slot; u8 destination; u16 port */
    OP_SENDTO,  /* slot; u8 destination; u16 port; u8 length */
    OP_SETOPT,  /* slot; u8 which; u8 value */
    /* arg 0: the device takes nothing from now on; 1: again; 2: the lock's holder died, everything
     * derived is made again; 3: a second address is probed, 10.0.0.3; 4: it goes */
    OP_HOLD,
    OP_POLL, /* arg: epoll sets and waiters; u8 slot */
    OP_MORE, /* arg: frames from now on come in bursts of so many between two turns */
    OP_COUNT
};

/* A copy of the program's that has begun and not ended. */
struct copy {
    bool on;
    int cnt;
    ssize_t n;
    union {
        struct ust_slice r[8];
        struct sbuf_mslice w[8];
    };
};

struct slot {
    struct sock *s; /* NULL: free */
    bool closed;    /* by the program; a copy is still under way */
    bool streams;   /* isn and iss are known */
    seq_t irs, iss; /* of the connection, for the contents */
    uint16_t lport, rport;
    uint64_t sent, got;
    struct copy rd, wr;
};

/* One connection as the peer sees it. */
struct flow {
    bool used;
    uint16_t lport, rport; /* the stack's, the peer's */
    /* the stack's side, as it was seen */
    bool has_iss, has_ack, has_edge,
        settled;             /* settled: the stack has acknowledged in a segment without SYN */
    seq_t iss, nxt, ack;     /* nxt: behind the last byte that it sent */
    seq_t edge;              /* right edge of the window that it offered */
    struct tcp_sack seen[8]; /* the segments with data that it sent last */
    unsigned seen_cnt;
    uint32_t wnd;
    uint8_t wscale; /* of its windows, if the peer offered one too */
    uint32_t ts_val;
    uint32_t iss_cnt;
    /* the peer's side */
    seq_t isn;
    int32_t sent_end;  /* behind the last byte that it ever sent, from isn */
    uint32_t syn_wnd;  /* largest window in a SYN */
    uint64_t max_edge; /* right edge that it ever offered, from iss */
    uint8_t shift;     /* of its windows: the largest ever offered */
    uint32_t ts_off;
    uint8_t offers; /* SYNs with window scale: 1, without: 2; of both kinds: 3 */
    bool urg;       /* it sent urgent data: the stream as it is read has holes */
};

struct box {
    struct stack *st;
    uint64_t now;
    bool content; /* payload is a function of its sequence number, both ways, and checked */
    bool ordered; /* frames leave in the order in which the stack made them: no fault link */
    bool hold;    /* the device takes nothing */
    uint32_t burst, burst_left;
    uint32_t ops;
    struct slot slot[BOX_SLOTS];
    struct flow flow[BOX_FLOWS];
    uint32_t flow_next;
    struct epset *ep[2];
    struct waiter *waiter;
    uint64_t frames_out;
    uint32_t spans_begin;      /* memory in use at the beginning */
    bool program;              /* it has done something since */
    uint32_t base[SLAB_COUNT]; /* objects of a stack that does nothing */
};

/* Prints what is wrong and aborts. */
void box_fail(const struct box *b, const char *fmt, ...) UST_PRINTF(2, 3) __attribute__((noreturn));
bool box_tracing(void);
/* A line of the trace, if it is wanted. */
void box_say(const struct box *b, const char *fmt, ...) UST_PRINTF(2, 3);

/* Takes its settings from the input. */
void box_begin(struct box *b, struct in *in, bool content, bool may_fault);
/* A frame arrives; p says what else the device knows. Then a turn, unless it is in a burst. */
void box_rx(struct box *b, const uint8_t *frame, size_t len, const struct pkt_rx *p);
/* The turn that the driver makes. */
void box_turn(struct box *b);
void box_op(struct box *b, enum op op, unsigned arg, struct in *in);
/* After each operation: invariants, and never much more memory than the settings allow. */
void box_check(struct box *b);
void box_end(struct box *b);

/* The protocol block knows the stream's numbers while the connection lives. */
void box_learn(struct slot *sl);

/* ---- slots.c: the program ---- */
void slots_begin(struct box *b);
void slots_op(struct box *b, enum op op, unsigned arg, struct in *in);
void slots_end(struct box *b);

/* ---- peer.c ---- */
/* A segment of the peer; len bytes of content follow seq. */
struct seg {
    uint8_t flags;
    seq_t seq, ack;
    uint16_t wnd, urg;
    uint32_t len;
    uint16_t gso_size; /* 0: one wire segment */
    bool bad_csum;
    struct tcp_opts opts;
};
/* The flow with that number; from 8 on a peer's port of its own is made for it, to our port 80.
 * NULL: nothing known yet. */
struct flow *peer_flow(struct box *b, unsigned no);
/* The segment that a peer in good order would send now: pure ACK, timestamps if the stack uses
 * them. */
struct seg peer_next(const struct box *b, const struct flow *f);
void peer_send(struct box *b, struct flow *f, const struct seg *sg);
/* A frame of the stack's: judged, and learnt from. */
void peer_see(struct box *b, struct ust_slice frame, const struct pkt_tx *p);
/* The content of a stream: of ours (out) or of the peer's. */
void peer_fill(uint16_t lport, uint16_t rport, bool out, seq_t seq, uint8_t *p, size_t len);
/* Index of the first wrong byte, or len. */
size_t peer_verify(uint16_t lport, uint16_t rport, bool out, seq_t seq, const uint8_t *p,
                   size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
