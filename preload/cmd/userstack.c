/* SPDX-License-Identifier: ISC */
/* The command `userstack`: run programs over a stack of their own, and look at live stacks. See userstack(1). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "host/host.h"

int cmd_fail(int code, const char *fmt, ...) {
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "userstack: %s\n", line);
    return code;
}

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "[OPTIONS] [--] PROGRAM [ARGS]   run a program over a stack of its own", cmd_run},
    {"check", "PROGRAM                      can the library work in this program?", cmd_check},
    {"stat", "[--json] [NAME|PID|FILE]      counters of live stacks, or of a statistics file",
     cmd_stat},
    {"ss", "[--json] [NAME|PID]             sockets of live stacks", cmd_ss},
    {"bridge", "IF1 IF2 [--fault SPEC]      join two interfaces, with loss, delay and the like",
     cmd_bridge},
};

/* Started by the library; see host/keeper.c. */
static int cmd_keeper(int argc, char **argv) {
    if (argc != 2)
        return cmd_fail(EXIT_NOT_RUN, "the keeper is started by the library");
    return host_keeper(argv[1]) == 0 ? 0 : EXIT_NOT_RUN;
}

static void usage(FILE *f) {
    fprintf(f, "usage:\n");
    for (size_t i = 0; i < UST_ARRAY_CNT(commands); i++)
        fprintf(f, "  userstack %s %s\n", commands[i].name, commands[i].help);
    fprintf(f, "  userstack --help | --version\n\n"
               "`userstack run --help` lists the options; see userstack(1) and userstack(7).\n");
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("userstack " PACKAGE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < UST_ARRAY_CNT(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "keeper") == 0)
        return cmd_keeper(argc - 1, argv + 1);
    if (*name)
        cmd_fail(0, "no command '%s'", name);
    usage(stderr);
    return EXIT_NOT_RUN;
}
