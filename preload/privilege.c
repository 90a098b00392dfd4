/* SPDX-License-Identifier: ISC */
/*
 * A program that gives root away before its first socket (memcached -u nobody) could not open the interface afterwards, and would not be let into
 * a stack of its former self: the interface is opened before it goes.
 */
#include "decide.h"

#include <unistd.h>

/* Does this change make us lose what opens the interface? -1: that one stays. */
static void before_change(uid_t ruid, uid_t euid, uid_t suid) {
    if (geteuid() != 0 || !stack_is_configured())
        return;
    if (ruid == 0 || euid == 0 || suid == 0)
        return; /* it can come back */
    int saved = errno;
    /* What is wrong has been said; the program's first socket hears of it. */
    if (stack_ready() == 0) {
        enter();
        host_up();
        leave();
    }
    errno = saved;
}

int setuid(uid_t uid) {
    before_change(uid, uid, uid);
    return real.setuid(uid);
}

int setreuid(uid_t ruid, uid_t euid) {
    before_change(ruid, euid, euid);
    return real.setreuid(ruid, euid);
}

int setresuid(uid_t ruid, uid_t euid, uid_t suid) {
    before_change(ruid, euid, suid);
    return real.setresuid(ruid, euid, suid);
}
