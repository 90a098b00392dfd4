/* SPDX-License-Identifier: ISC */
/*
 * Mapping the arena: a memfd, cut to size once (sparse: what is not touched costs nothing),
 * shared, at a fixed address that is free in plain, sanitizer and valgrind processes alike.
 */
#include <stdio.h>
#include <time.h>

#include "host/priv.h"
#include "host/sys.h"

#define ARENA_SLOT_CNT 16
#define ARENA_MIN_BYTES (16u << 20)
#define ARENA_DEFAULT_BYTES (4ULL << 30)
#define PAGE_BYTES 4096u

static bool complained;

struct stack *host_stack(void) {
    const struct host_local *h = &host_local;
    struct stack *st = __atomic_load_n(&h->st, __ATOMIC_ACQUIRE);
    return st && *h->alive ? st : NULL;
}

const struct host_cfg *host_config(void) { return host_local.st ? &host_local.cfg : NULL; }

static uint64_t arena_size(const struct host_cfg *cfg) {
    uint64_t want = cfg->mem_bytes ? cfg->mem_bytes : ARENA_DEFAULT_BYTES;
    struct rlimit rl;
    /* A file beyond RLIMIT_FSIZE would bring SIGXFSZ. */
    if (sys_getrlimit(RLIMIT_FSIZE, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY)
        want = UST_MIN(want, (uint64_t)rl.rlim_cur);
    want = UST_MIN(want, HOST_ARENA_SLOT_BYTES - ARENA_SPAN_BYTES);
    return want & ~(uint64_t)(ARENA_SPAN_BYTES - 1);
}

/* The address, or negative errno; *len is halved while the address space is too small. */
static long map_somewhere(int memfd, uint64_t *len) {
    long r = -ENOMEM;
    for (; *len >= ARENA_MIN_BYTES; *len = (*len / 2) & ~(uint64_t)(ARENA_SPAN_BYTES - 1)) {
        for (unsigned slot = 0; slot < ARENA_SLOT_CNT; slot++) {
            void *at = (void *)(uintptr_t)(HOST_ARENA_BASE + slot * HOST_ARENA_SLOT_BYTES);
            /* PROT_NONE first: under mlockall(MCL_FUTURE) the whole of it would be faulted in. */
            r = sys_mmap_at(at, *len, PROT_NONE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                            memfd);
            if (r == (long)(uintptr_t)at)
                return r;
            if (r > 0) { /* a kernel that does not know NOREPLACE chose another place */
                sys_munmap((void *)(uintptr_t)r, *len);
                r = -EEXIST;
            }
            if (r != -EEXIST)
                break;
        }
        if (r != -ENOMEM && r != -EAGAIN)
            return r;
    }
    return r;
}

int64_t host_wall_offset(void) {
    struct timespec wall, mono;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return ((int64_t)wall.tv_sec - (int64_t)mono.tv_sec) * (int64_t)NS_PER_S +
           ((int64_t)wall.tv_nsec - (int64_t)mono.tv_nsec);
}

static void stack_cfg_from(struct stack_cfg *sc, const struct host_cfg *cfg) {
    stack_cfg_default(sc);
    if (sys_getrandom(sc->seed, sizeof sc->seed, 0) != (long)sizeof sc->seed) {
        uint64_t v[2] = {host_now(), (uint64_t)(uintptr_t)sc ^ (uint64_t)sys_getpid()};
        memcpy(sc->seed, v, sizeof v);
    }
    sc->tcp.cc = cfg->cc;
    sc->tcp.ecn = cfg->ecn;
    sc->fault = cfg->fault;
    sc->trace_on = cfg->trace_on;
    sc->trace_debug = cfg->trace_debug;
    sc->wall_off_ns = host_wall_offset();
    sc->loopback_here = cfg->loopback_stack;
}

/* 0 with h->st etc. set, or negative errno and a reason. */
static int make_arena(struct host_local *h, const struct host_cfg *cfg, const char **why) {
    uint64_t len = arena_size(cfg);
    *why = "no memory file";
    long fd = sys_memfd_create("userstack", MFD_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    fd = host_fd_raise((int)fd);
    *why = "no room in memory or address space";
    long at = -ENOMEM, r = -ENOMEM;
    if (len >= ARENA_MIN_BYTES) {
        r = sys_ftruncate((int)fd, len);
        if (r == 0)
            r = at = map_somewhere((int)fd, &len);
    }
    if (r < 0) {
        host_fd_forget((int)fd);
        sys_close((int)fd);
        return (int)r;
    }
    void *mem = (void *)(uintptr_t)at;
    sys_munlock(mem, len);
    sys_mprotect(mem, len, PROT_READ | PROT_WRITE);
    sys_madvise(mem, len, MADV_DONTDUMP);
    struct stack_cfg sc;
    stack_cfg_from(&sc, cfg);
    struct stack *st = stack_init(mem, len, &sc, host_now());
    struct host_shared *s = st ? (struct host_shared *)(void *)st->host : NULL;
    if (!st || lock_init(s) < 0) {
        sys_munmap(mem, len);
        host_fd_forget((int)fd);
        sys_close((int)fd);
        return -ENOMEM;
    }
    proc_define(&st->core.arena);
    atomic_store(&s->deadline_ns, TIME_NEVER);
    h->memfd = (int)fd;
    h->arena_bytes = len;
    h->s = s;
    s->cfg = *cfg;
    s->arena_bytes = len;
    proc_join(&st->core.arena); /* the arena is empty: there is room */
    __atomic_store_n(&h->st, st, __ATOMIC_RELEASE);
    return 0;
}

/* A page that the kernel wipes in a child: tells a fork that no handler of ours saw. */
volatile uint32_t *make_alive_page(void) {
    static uint32_t always;
    uint32_t *p =
        sys_mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return &always;
    sys_madvise(p, PAGE_BYTES, MADV_WIPEONFORK);
    return p;
}

int host_attach(const struct host_cfg *cfg) {
    struct host_local *h = &host_local;
    int r = 0;
    const char *why = "";
    if (host_stack())
        return 0;
    if (h->st) /* an unseen fork */
        host_after_fork_child();
    pthread_mutex_lock(&h->life_lock);
    if (!h->st) {
        if (!cfg->valid) {
            r = -ENETDOWN;
            if (!complained)
                host_complain("%s", cfg->error);
        } else {
            h->cfg = *cfg;
            if (!h->alive)
                h->alive = make_alive_page();
            *h->alive = 1;
            r = make_arena(h, cfg, &why);
            if (r < 0 && !complained)
                host_complain("cannot make the stack's memory: %s (%s)", why, strerrordesc_np(-r));
        }
        complained = complained || r < 0;
    }
    pthread_mutex_unlock(&h->life_lock);
    return r;
}

/*
 * Private descriptors are closed here and not left to exec: the control socket's name is free
 * only when the last copy is gone, and the packet socket would collect frames. The mapping stays:
 * the program's descriptor table may lie in it.
 */
void host_after_fork_child(void) {
    struct host_local *h = &host_local;
    if (!h->st)
        return;
    for (int i = 0; i < HOST_EVFD_CNT; i++)
        if (h->evfd[i]) {
            host_fd_forget(h->evfd[i]);
            sys_close(h->evfd[i]);
            h->evfd[i] = 0;
        }
    if (h->dev.ops) {
        h->dev.ops->close(&h->dev);
        memset(&h->dev, 0, sizeof h->dev);
        h->dev.fd = -1;
    }
    int *const fds[] = {&h->memfd, &h->ctl_fd};
    for (size_t i = 0; i < UST_ARRAY_CNT(fds); i++)
        if (*fds[i] >= 0) {
            host_fd_forget(*fds[i]);
            sys_close(*fds[i]);
            *fds[i] = -1;
        }
    if (h->trace_fd > 2) {
        host_fd_forget(h->trace_fd);
        sys_close(h->trace_fd);
    }
    h->trace_fd = -1;
    h->cap = NULL; /* what it had buffered is the parent's to write */
    if (h->name_fd >= 0) {
        host_fd_forget(h->name_fd);
        sys_close(h->name_fd);
        h->name_fd = -1;
    }
    h->up = h->came_up = h->thread = h->kick_driver = h->kick_thread = false;
    h->s = NULL;
    h->proc = NULL;
    h->pid = 0;
    pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    h->life_lock = fresh; /* whoever held it is not in this process */
    __atomic_store_n(&h->st, NULL, __ATOMIC_RELEASE);
}
