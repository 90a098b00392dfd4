/* SPDX-License-Identifier: ISC */
/*
 * What a program is, and whether a preloaded library can work in it. It cannot where no dynamic loader runs (static programs), where the loader ignores LD_PRELOAD
 * (set-user-ID and the like), where it is for another machine or another libc, and where calls go past libc (Go).
 *
 * A script is what its interpreter is; `#!/usr/bin/env NAME` is followed to NAME.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define SCRIPT_DEPTH 4 /* as the kernel */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif

/* As execvp(): a name with a slash is a path; else the first executable file of that name in PATH. */
static int find(const char *name, char path[4096]) {
    struct stat st;
    if (strchr(name, '/')) {
        snprintf(path, 4096, "%s", name);
        if (stat(path, &st) < 0)
            return errno == EACCES ? EXIT_NOT_EXECUTABLE : EXIT_NOT_FOUND;
        return access(path, X_OK) == 0 && S_ISREG(st.st_mode) ? 0 : EXIT_NOT_EXECUTABLE;
    }
    const char *dirs = getenv("PATH");
    int r = EXIT_NOT_FOUND;
    if (!dirs)
        dirs = "/usr/local/bin:/usr/bin:/bin";
    for (const char *next; dirs && *name; dirs = next) {
        size_t len = strcspn(dirs, ":");
        next = dirs[len] ? dirs + len + 1 : NULL;
        char one[4096];
        snprintf(one, sizeof one, "%.*s%s%s", (int)len, dirs, len ? "/" : "", name);
        if (stat(one, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (access(one, X_OK) < 0) {
            r = EXIT_NOT_EXECUTABLE;
            continue;
        }
        memcpy(path, one, sizeof one);
        return 0;
    }
    snprintf(path, 4096, "%s", name);
    return r;
}

static bool why(struct program *p, const char *text) {
    snprintf(p->why_not, sizeof p->why_not, "%s", text);
    return false;
}

/* Does the kernel start it in secure mode, so that the loader drops LD_PRELOAD with a path? */
static bool look_privileges(struct program *p, const struct stat *st) {
    if ((st->st_mode & S_ISUID) && st->st_uid != getuid())
        return why(p, "it is set-user-ID: the dynamic loader ignores LD_PRELOAD");
    if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st->st_gid != getgid())
        return why(p, "it is set-group-ID: the dynamic loader ignores LD_PRELOAD");
    if (getuid() != 0 && getxattr(p->path, "security.capability", NULL, 0) > 0)
        return why(p, "it has file capabilities: the dynamic loader ignores LD_PRELOAD");
    return true;
}

static bool read_at(int fd, void *buf, size_t len, uint64_t off) {
    return pread(fd, buf, len, (off_t)off) == (ssize_t)len;
}

/* Is there a section of that name? */
static bool has_section(int fd, const Elf64_Ehdr *eh, const char *name) {
    Elf64_Shdr strs, sh;
    if (eh->e_shoff == 0 || eh->e_shentsize != sizeof sh || eh->e_shstrndx >= eh->e_shnum)
        return false;
    if (!read_at(fd, &strs, sizeof strs, eh->e_shoff + eh->e_shstrndx * sizeof sh))
        return false;
    for (unsigned i = 0; i < eh->e_shnum; i++) {
        char s[32] = "";
        if (!read_at(fd, &sh, sizeof sh, eh->e_shoff + i * sizeof sh))
            return false;
        if (pread(fd, s, sizeof s - 1, (off_t)(strs.sh_offset + sh.sh_name)) <= 0)
            return false;
        if (strcmp(s, name) == 0)
            return true;
    }
    return false;
}

static bool look_elf(struct program *p, int fd, const Elf64_Ehdr *eh) {
    if (eh->e_ident[EI_CLASS] != ELFCLASS64)
        return why(p, "it is a 32-bit program; the library is a 64-bit one");
    if (eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != OUR_MACHINE)
        return why(p, "it is for another machine");
    bool go = has_section(fd, eh, ".go.buildinfo") || has_section(fd, eh, ".note.go.buildid");
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        Elf64_Phdr ph;
        if (eh->e_phentsize != sizeof ph ||
            !read_at(fd, &ph, sizeof ph, eh->e_phoff + i * sizeof ph))
            return why(p, "its ELF headers cannot be read");
        if (ph.p_type != PT_INTERP)
            continue;
        size_t len = UST_MIN(ph.p_filesz, sizeof p->interp - 1);
        if (!read_at(fd, p->interp, len, ph.p_offset))
            len = 0;
        p->interp[len] = '\0';
    }
    if (go)
        return why(p, "it is written in Go, which makes its system calls itself, past libc");
    if (!p->interp[0])
        return why(p, "it is statically linked: no dynamic loader, no preloaded library");
    if (strstr(p->interp, "ld-musl"))
        return why(p, "it is linked with musl; the library is for glibc");
    return true;
}

static char *next_token(char **s) {
    *s += strspn(*s, " \t");
    if (!**s)
        return NULL;
    char *tok = *s;
    *s += strcspn(*s, " \t");
    if (**s)
        *(*s)++ = '\0';
    return tok;
}

/* The interpreter in a line "#!PATH [ARG]", behind env(1) the program that it will look up; NULL: none. */
static const char *script_interp(char *line) {
    char *s = line + 2, *tok = next_token(&s);
    const char *base = tok ? strrchr(tok, '/') : NULL;
    if (!tok || !base || strcmp(base, "/env") != 0)
        return tok;
    while ((tok = next_token(&s)))
        if (tok[0] != '-' && !strchr(tok, '='))
            return tok;
    return NULL;
}

static int look(const char *name, struct program *p, int depth) {
    struct stat st;
    union {
        Elf64_Ehdr eh;
        char text[256];
    } head = {0};
    int r = find(name, p->path);
    if (r != 0) {
        why(p, r == EXIT_NOT_FOUND ? "no such program" : "it cannot be executed");
        return r;
    }
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    /* A program may be executable and not readable: then only running it tells. */
    if (fd < 0)
        return 0;
    ssize_t n = pread(fd, &head, sizeof head - 1, 0);
    if (fstat(fd, &st) == 0 && look_privileges(p, &st)) {
        if (n >= (ssize_t)sizeof head.eh && memcmp(head.eh.e_ident, ELFMAG, SELFMAG) == 0) {
            look_elf(p, fd, &head.eh);
        } else if (n > 2 && head.text[0] == '#' && head.text[1] == '!' && depth < SCRIPT_DEPTH) {
            head.text[strcspn(head.text, "\r\n")] = '\0';
            const char *interp = script_interp(head.text);
            size_t len = strlen(p->via);
            snprintf(p->via + len, sizeof p->via - len, "%s%.200s is a script for %.100s",
                     len ? ", " : "", p->path, interp ? interp : "nobody");
            if (interp)
                r = look(interp, p, depth + 1);
        }
    }
    close(fd);
    return r;
}

int program_look(const char *name, struct program *p) {
    memset(p, 0, sizeof *p);
    return look(name, p, 0);
}

int cmd_check(int argc, char **argv) {
    struct program p;
    int a = 1;
    if (argc > 1 && strcmp(argv[1], "--") == 0)
        a++;
    if (argc != a + 1 || argv[a][0] == '-') {
        fprintf(stderr, "usage: userstack check PROGRAM\n");
        return EXIT_NOT_RUN;
    }
    int r = program_look(argv[a], &p);
    if (p.via[0])
        printf("%s\n", p.via);
    if (r != 0)
        return cmd_fail(r, "%s: %s", p.path, p.why_not);
    if (p.why_not[0]) {
        printf("%s: no: %s\n", p.path, p.why_not);
        return 1;
    }
    if (p.interp[0])
        printf("%s: yes: dynamically linked, loaded by %s\n", p.path, p.interp);
    else
        printf("%s: perhaps: neither an ELF program nor a script that can be read\n", p.path);
    return 0;
}
