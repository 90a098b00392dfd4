/* SPDX-License-Identifier: ISC */
/* Between rx.c, loop.c and api.c. */
#ifndef UST_STACK_PRIV_H
#define UST_STACK_PRIV_H

#include "stack.h"

/* A frame that the fault link has let pass, or that came back over the loop link. */
void stack_rx_frame(struct stack *st, uint64_t now_ns, const struct pkt_rx *p);

/* An error about one of our packets goes to the transport that sent it. */
void stack_ip_error(struct stack *st, uint64_t now_ns, const struct ip_error *e);

#endif
