/* SPDX-License-Identifier: ISC */
/*
 * Will the library be in a program that is about to be exec'ed? Not where there is no dynamic loader, and not where the loader ignores LD_PRELOAD. Called between fork() and exec:
 * system calls only.
 */
#include <elf.h>
#include <unistd.h>

#include "host/priv.h"
#include "host/sys.h"

#define SCRIPT_DEPTH 4 /* as the kernel */

static long pread_all(int fd, void *buf, size_t len, uint64_t off) {
    return SYS_CALL4(SYS_pread64, fd, buf, len, off);
}

static bool is_privileged(int fd) {
    struct stat st;
    if (SYS_CALL2(SYS_fstat, fd, &st) < 0)
        return false;
    if ((st.st_mode & S_ISUID) && st.st_uid != (uid_t)SYS_CALL0(SYS_getuid))
        return true;
    return (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
           st.st_gid != (gid_t)SYS_CALL0(SYS_getgid);
}

static bool has_loader(int fd, const Elf64_Ehdr *eh) {
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_phentsize != sizeof(Elf64_Phdr))
        return false;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        Elf64_Phdr ph;
        if (pread_all(fd, &ph, sizeof ph, eh->e_phoff + i * sizeof ph) != (long)sizeof ph)
            return false;
        if (ph.p_type == PT_INTERP)
            return true;
    }
    return false;
}

/* The interpreter that a script names, in place; false: none. */
static bool interpreter(char *head, long len) {
    head[len] = '\0';
    char *p = head + 2;
    p += strspn(p, " \t");
    p[strcspn(p, " \t\n")] = '\0';
    memmove(head, p, strlen(p) + 1);
    return head[0] != '\0';
}

static bool takes_us(int fd, int depth) {
    union {
        Elf64_Ehdr eh;
        char text[257];
    } head;
    memset(&head, 0, sizeof head);
    long n = pread_all(fd, &head, sizeof head - 1, 0);
    if (n < 4 || is_privileged(fd))
        return false;
    if (memcmp(head.eh.e_ident, ELFMAG, SELFMAG) == 0)
        return n >= (long)sizeof head.eh && has_loader(fd, &head.eh);
    if (memcmp(head.text, "#!", 2) != 0 || depth == 0)
        return memcmp(head.text, "#!", 2) != 0; /* what has no head execvp() gives to the shell */
    if (!interpreter(head.text, n))
        return false;
    return host_image_takes_us(head.text, -1, depth - 1);
}

bool host_image_takes_us(const char *path, int fd, int depth) {
    if (fd >= 0)
        return takes_us(fd, depth);
    long f = sys_open(path, O_RDONLY | O_CLOEXEC);
    if (f < 0)
        return f == -EACCES; /* may be executable and not readable; the loader goes by the mode */
    bool r = takes_us((int)f, depth);
    sys_close((int)f);
    return r;
}
