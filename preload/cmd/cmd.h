/* SPDX-License-Identifier: ISC */
/* The command `userstack`: what its files share. */
#ifndef UST_CMD_CMD_H
#define UST_CMD_CMD_H

#include "base/types.h"

/* Exit codes, as env(1) has them. */
enum {
    EXIT_NOT_RUN = 125,        /* we refuse, or something of ours failed */
    EXIT_NOT_EXECUTABLE = 126, /* the program is there but cannot be run */
    EXIT_NOT_FOUND = 127,
};

/* "userstack: ..." on stderr, one line. Returns `code`. */
int cmd_fail(int code, const char *fmt, ...) UST_PRINTF(2, 3);

/* ---- program.c ---- */
struct program {
    char path[4096];   /* what would be executed */
    char interp[256];  /* its dynamic loader, "" none */
    char why_not[256]; /* why the library cannot work in it; "": it can */
    char via[512];     /* for a script: "PATH is a script for PATH ...", else "" */
};
/* Finds the program as execvp() does and looks inside: 0, EXIT_NOT_FOUND or EXIT_NOT_EXECUTABLE with a line in why_not. */
int program_look(const char *name, struct program *p);

/* ---- rootless.c: starts passt, which ends with this process or the program that it becomes, and sets USERSTACK_IF and what goes with it.
 * publish: ports of the machine that lead to the program, as passt writes them (8080,2222:22), or NULL. 0 or EXIT_NOT_RUN with its line printed ---- */
int rootless_start(const char *publish);

/* ---- run.c: what can be checked before a packet socket is opened; 0 or EXIT_NOT_RUN with its line printed ---- */
/* Is there such an interface, is it up, is it Ethernet? */
int cmd_check_interface(const char *name);
int cmd_check_privilege(void);

/* ---- the subcommands; argv[0] is their name ---- */
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_ss(int argc, char **argv);
int cmd_bridge(int argc, char **argv);
void run_usage(void);

#endif
