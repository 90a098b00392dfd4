/* SPDX-License-Identifier: ISC */
/*
 * What the data calls have in common: the program's buffers, walked piece by piece; struct msghdr taken apart; control messages.
 */
#ifndef UST_PRELOAD_MSG_H
#define UST_PRELOAD_MSG_H

#include "call.h"

#define MSG_SMALL_BYTES 4096         /* copied under the lock; more than that outside */
#define MSG_CHUNK_BYTES (128u << 10) /* of a long send or receive, one hold of the lock each */
#define MSG_SLICE_CNT 10             /* of a chunk */

/* ---- uiter.c: an array of iovecs in the program's memory ---- */
#define UITER_CNT 8
struct uiter {
    const struct iovec *next; /* not yet loaded, the program's */
    size_t next_cnt;
    struct iovec v[UITER_CNT];
    unsigned cnt, pos; /* of v */
    size_t off;        /* into v[pos] */
    size_t left;       /* bytes that the call may still move */
};
void uiter_one(struct uiter *it, const void *buf, size_t len);
/* 0, -EFAULT, -EINVAL (negative lengths, more than IOV_MAX); too_many: what more than IOV_MAX is. */
int uiter_init(struct uiter *it, const struct iovec *v, size_t cnt, int too_many);
/* Move n <= it->left bytes; return bytes NOT moved because the program's memory is not there. */
size_t uiter_in(struct uiter *it, void *dst, size_t n);
size_t uiter_out(struct uiter *it, const void *src, size_t n);

/* ---- the two halves of a struct msghdr ---- */
struct send_to {
    int flags;
    const struct sockaddr *sa;
    socklen_t sa_len;
    const void *control;
    size_t control_len;
};
/* Lock held. Bytes sent, negative errno, or CALL_TO_LIBC. */
long send_data(struct call *c, struct uiter *it, const struct send_to *to);
/* Lock held. The last chunk was announced to go on (MSG_MORE), and now does not: its tail may go. */
void send_push(struct call *c, bool more);

struct recv_from {
    int flags;
    bool want_name;
    bool want_control;
    /* out */
    int msg_flags;
    struct sockaddr_storage name;
    socklen_t name_len;
    bool has_dgram;
    struct udp_dgram dgram; /* its queue link and buffer are not valid any more */
    bool has_error;
    struct errq_item error; /* the same */
    bool has_inq;
    int inq;
};
long recv_data(struct call *c, struct uiter *it, struct recv_from *from);

/* ---- cmsg.c ---- */
/* What to->control asks for, into u: 0, -EINVAL, -EFAULT, -ENOBUFS. */
int cmsg_parse(const struct sock *s, const void *control, size_t len, struct udp_send *u);
/* The control messages of a stream: those of SOL_SOCKET are looked at, others are for another protocol. 0, -EINVAL, -EFAULT, -ENOBUFS. */
int cmsg_check(const void *control, size_t len);
/* Writes what the socket's options ask for into the program's msg->msg_control. *used: bytes; MSG_CTRUNC is added to *msg_flags. */
void cmsg_write(const struct call *c, const struct recv_from *from, void *control, size_t room,
                size_t *used, int *msg_flags);

#endif
