/* SPDX-License-Identifier: ISC */
/* What a transport's endpoint tells its owner: bits that UDP and TCP share. */
#ifndef UST_NET_PCB_H
#define UST_NET_PCB_H

enum pcb_event {
    PCB_EV_IN = 1,  /* something new to read, accept, or EOF */
    PCB_EV_OUT = 2, /* room to write, or connected */
    PCB_EV_ERR = 4,
    PCB_EV_HUP = 8, /* both directions ended */
    PCB_EV_RDHUP = 16,
    PCB_EV_PRI = 32, /* urgent data */
};

#endif
