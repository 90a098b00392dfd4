/* SPDX-License-Identifier: ISC */
/*
 * Programs that lock themselves in: seccomp filters and limits on descriptors. What we need later is opened before, and from then on this process makes only calls that such filters let
 * pass: its frames are sent and received by others (host_sandbox()).
 */
#include "decide.h"

#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "host/sys.h"

void sandbox_begins(void) {
    if (!stack_is_ready())
        return;
    enter();
    host_sandbox();
    leave();
}

EXPORT int prctl(int what, ...) {
    unsigned long a[4];
    va_list ap;
    va_start(ap, what);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(ap, unsigned long);
    va_end(ap);
    if (what == PR_SET_SECCOMP)
        sandbox_begins();
    return real.prctl(what, a[0], a[1], a[2], a[3]);
}

/*
 * Sanitizers lower a limit before they can watch anything: nothing here is theirs to watch, and libc's function,
 * which would have to be found first, is one system call.
 */
#define EARLY __attribute__((no_sanitize("address", "undefined")))

static void limit_changes(void) {
    if (!stack_is_ready())
        return;
    enter();
    host_open_all();
    leave();
}

EARLY EXPORT int setrlimit(__rlimit_resource_t what, const struct rlimit *r) {
    if (what == RLIMIT_NOFILE)
        limit_changes();
    long e = SYS_CALL4(SYS_prlimit64, 0, what, r, 0L);
    if (e >= 0)
        return 0;
    errno = (int)-e;
    return -1;
}

EARLY EXPORT int setrlimit64(__rlimit_resource_t what, const struct rlimit64 *r) {
    _Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "one layout");
    if (what == RLIMIT_NOFILE)
        limit_changes();
    long e = SYS_CALL4(SYS_prlimit64, 0, what, r, 0L);
    if (e >= 0)
        return 0;
    errno = (int)-e;
    return -1;
}
