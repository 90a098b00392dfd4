/* SPDX-License-Identifier: ISC */
/*
 * Sockets of either family brought into a state, for the differential programs that go through many of them. The other end is
 * peer.py. What fails here ends the program with a line on standard output, so that the logs differ.
 */
#ifndef UST_TESTS_DIFF_WORLD_H
#define UST_TESTS_DIFF_WORLD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common.h"

#define PORT_ECHO 7007
#define PORT_UDP_ECHO 7008
#define PORT_COMMAND 7009
#define PORT_HOLD 7010
#define PORT_REFUSED 97
#define PORT_SILENT 99

/* An address family as a program uses it. */
enum family {
    FAMILY_4,
    FAMILY_6,
    FAMILY_MAPPED, /* AF_INET6 sockets, IPv4-mapped addresses */
    FAMILY_COUNT
};

struct kind {
    enum family family;
    int type; /* SOCK_STREAM or SOCK_DGRAM */
};

struct addr {
    struct sockaddr_storage ss;
    socklen_t len;
};

const char *kind_name(struct kind k); /* "tcp4" */
int kind_domain(struct kind k);       /* AF_* */
struct addr addr_any(struct kind k, int port);
struct addr addr_host(struct kind k, int port);   /* the peer */
struct addr addr_ours(struct kind k, int port);   /* the stack's, or the kernel's in its place */
struct addr addr_nobody(struct kind k, int port); /* nobody's, not to be bound */
int addr_port(const struct addr *a);
/* "host:7007", "ours:P" (a port from the ephemeral range), "any:0": the same in both runs. */
const char *addr_text(const struct addr *a);
static inline struct sockaddr *sa(struct addr *a) { return (struct sockaddr *)&a->ss; }

/* A socket of that kind. */
int make_socket(struct kind k);
/* The same, connected to the peer's command server, which has been told. */
int make_peer(struct kind k, const char *command);
/* A connection from the peer to a listener of ours at that port is under way; "reset": and reset at once. */
void peer_dials(struct kind k, int port, bool reset);
void set_blocking(int fd, bool on);
/* Waits for all of these POLL* bits. */
void wait_for(int fd, int events);
/* Bytes to read: waits until there are as many. */
void wait_inq(int fd, int bytes);

/* The states. */
struct state {
    const char *name;
    int type;                 /* of the sockets that can be in it */
    int (*make)(struct kind); /* non-blocking or not, the caller sets that afterwards */
};
extern const struct state states[];
extern const int state_cnt;

/* Signals that interrupt a blocking call, from ms on, again and again until off. interrupted(): did one come since? */
void interrupt_on(int ms);
void interrupt_off(void);
bool interrupted(void);

#endif
