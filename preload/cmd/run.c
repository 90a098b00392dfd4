/* SPDX-License-Identifier: ISC */
/*
 * userstack run: options into the environment, every check that can be made before the program starts, then exec.
 *
 * The options are the table of preload/config.c. What is checked here the library checks again when the program opens its first socket; here the user
 * sees it at once and in the terminal.
 */
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "internal.h"

/* ---- options ---- */

static bool is_switch(const struct config_name *n) { return strcmp(n->arg, "0|1") == 0; }

void run_usage(void) {
    printf("usage: userstack run [OPTIONS] [--] PROGRAM [ARGS]\n\n"
           "Each option sets the environment variable beside it, which works without `userstack "
           "run` too:\n"
           "  LD_PRELOAD=libuserstack.so USERSTACK_IF=veth0 USERSTACK_IP4=10.0.0.2/24 PROGRAM\n\n");
    for (size_t i = 0; i < config_name_cnt; i++) {
        const struct config_name *n = &config_names[i];
        char opt[64];
        if (!n->option)
            continue;
        snprintf(opt, sizeof opt, is_switch(n) ? "%s[=%s]" : "%s %s", n->option, n->arg);
        printf("  %-26s %s\n      %s", opt, n->name, n->help);
        printf(n->def ? "; default: %s\n" : "\n", n->def);
    }
    printf("  --rootless\n"
           "      no privilege, no interface: starts passt, asks it for an address, and reaches "
           "what the user can\n"
           "  --publish PORT[,...]\n"
           "      with --rootless: ports of this machine that lead to the program; 8080:80 for "
           "another number\n"
           "  -h, --help\n\n"
           "Exit status: that of the program; 125 if it was not started, 126 if it cannot be "
           "executed,\n"
           "127 if it was not found.\n");
}

/* The option that arg is, with *value behind it in the same word or NULL. */
static const struct config_name *find_option(char *arg, char **value) {
    for (size_t i = 0; i < config_name_cnt; i++) {
        const char *opt = config_names[i].option;
        size_t len = opt ? strlen(opt) : 0;
        if (len == 0 || strncmp(arg, opt, len) != 0)
            continue;
        bool shortopt = opt[1] != '-';
        *value = NULL;
        if (arg[len] == '\0')
            return &config_names[i];
        if (!shortopt && arg[len] != '=')
            continue;
        *value = arg + len + !shortopt;
        return &config_names[i];
    }
    return NULL;
}

/* What is an option of this command alone. */
static bool rootless;
static char *publish;

/* argv[*i] as one of these: false: it is none. *code is set if it lacks its value. */
static bool own_option(int argc, char **argv, int *i, int *code) {
    static const char name[] = "--publish";
    const size_t len = sizeof name - 1;
    if (strcmp(argv[*i], "--rootless") == 0)
        return rootless = true;
    if (strncmp(argv[*i], name, len) != 0 || (argv[*i][len] && argv[*i][len] != '='))
        return false;
    if (argv[*i][len] == '=')
        publish = argv[*i] + len + 1;
    else if (*i + 1 < argc)
        publish = argv[++*i];
    else
        *code = cmd_fail(EXIT_NOT_RUN, "--publish wants a value: PORT[,...]");
    return true;
}

/* Index of the program in argv, or -1 with *code. */
static int parse_options(int argc, char **argv, int *code) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        char *value;
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            run_usage();
            *code = 0;
            return -1;
        }
        if (own_option(argc, argv, &i, code)) {
            if (*code)
                return -1;
            continue;
        }
        const struct config_name *n = find_option(argv[i], &value);
        if (!n) {
            *code =
                cmd_fail(EXIT_NOT_RUN, "no option %s; `userstack run --help` lists them", argv[i]);
            return -1;
        }
        static char yes[] = "1";
        if (!value && is_switch(n))
            value = yes;
        if (!value && ++i == argc) {
            *code = cmd_fail(EXIT_NOT_RUN, "%s wants a value: %s", n->option, n->arg);
            return -1;
        }
        setenv(n->name, value ? value : argv[i], 1);
    }
    if (i < argc)
        return i;
    *code = cmd_fail(EXIT_NOT_RUN, "no program to run; see `userstack run --help`");
    return -1;
}

/* ---- checks ---- */

int cmd_check_interface(const char *name) {
    struct ifreq ifr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(&ifr, 0, sizeof ifr);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%.15s", name);
    int r = 0;
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0) {
        char have[512] = "";
        struct if_nameindex *all = if_nameindex();
        for (struct if_nameindex *i = all; i && i->if_index; i++) {
            size_t len = strlen(have);
            snprintf(have + len, sizeof have - len, "%s%s", len ? ", " : "", i->if_name);
        }
        if (all)
            if_freenameindex(all);
        r = cmd_fail(EXIT_NOT_RUN, "no interface %s in this network namespace; there are: %s", name,
                     have);
    } else if (!(ifr.ifr_flags & IFF_UP)) {
        r = cmd_fail(EXIT_NOT_RUN, "interface %s is down; `ip link set %s up`", name, name);
    } else if (ioctl(fd, SIOCGIFHWADDR, &ifr) == 0 && ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        r = cmd_fail(EXIT_NOT_RUN, "interface %s is no Ethernet interface", name);
    }
    close(fd);
    return r;
}

/* Who has CAP_NET_RAW by file capability of this command, or without being root, loses it at exec unless it is ambient. */
static void keep_net_raw(void) {
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    if (geteuid() == 0 || syscall(SYS_capget, &h, d) < 0)
        return;
    if (!(d[0].permitted & 1u << CAP_NET_RAW))
        return;
    d[0].effective |= 1u << CAP_NET_RAW;
    d[0].inheritable |= 1u << CAP_NET_RAW;
    if (syscall(SYS_capset, &h, d) == 0)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

int cmd_check_privilege(void) {
    keep_net_raw();
    /* Wants the same capability as a packet socket, whose close() would take milliseconds. */
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return cmd_fail(
            EXIT_NOT_RUN,
            "no packet socket (%s): CAP_NET_RAW is wanted; be root, or in a user and network "
            "namespace (unshare -rn), or `setcap cap_net_raw+p` this command",
            strerror(errno));
    close(fd);
    return 0;
}

/* ---- the library ---- */

static int find_library(char path[4096]) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    /* The build folder, an unpacked folder, the place where it was installed. */
    static const char *const places[] = {"/.libs", "", "/../lib"};
    for (size_t i = 0; i < UST_ARRAY_CNT(places); i++) {
        char one[4096 + 64], whole[4096];
        snprintf(one, sizeof one, "%s%s/libuserstack.so", self, places[i]);
        if (access(one, R_OK) < 0 || !realpath(one, whole))
            continue;
        memcpy(path, whole, sizeof whole);
        return 0;
    }
    snprintf(path, 4096, "%s/libuserstack.so", USERSTACK_LIBDIR);
    if (access(path, R_OK) == 0)
        return 0;
    return cmd_fail(EXIT_NOT_RUN, "libuserstack.so is neither beside this command (%s) nor in %s",
                    self, USERSTACK_LIBDIR);
}

static int set_preload(void) {
    char lib[4096];
    int r = find_library(lib);
    if (r != 0)
        return r;
    if (strpbrk(lib, " :"))
        return cmd_fail(EXIT_NOT_RUN, "%s: LD_PRELOAD cannot name a path with a space or a colon",
                        lib);
    const char *old = getenv("LD_PRELOAD");
    if (!old || !*old) {
        setenv("LD_PRELOAD", lib, 1);
        return 0;
    }
    size_t len = strlen(lib);
    if (strncmp(old, lib, len) == 0 && (!old[len] || strchr(" :", old[len])))
        return 0;
    char *both = NULL;
    if (asprintf(&both, "%s:%s", lib, old) < 0)
        return cmd_fail(EXIT_NOT_RUN, "out of memory");
    setenv("LD_PRELOAD", both, 1);
    free(both);
    return 0;
}

int cmd_run(int argc, char **argv) {
    int code = 0;
    int at = parse_options(argc, argv, &code);
    if (at < 0)
        return code;
    struct host_cfg cfg;
    if (publish && !rootless)
        return cmd_fail(EXIT_NOT_RUN, "--publish goes with --rootless");
    struct program p;
    int r = program_look(argv[at], &p);
    if (r != 0)
        return cmd_fail(r, "%s: %s", argv[at], p.why_not);
    if (p.why_not[0])
        return cmd_fail(EXIT_NOT_RUN, "%s: %s", p.path, p.why_not);
    if (rootless && (r = rootless_start(publish)) != 0)
        return r;
    config_load(&cfg, environ);
    if (!cfg.valid)
        return cmd_fail(EXIT_NOT_RUN, "%s", cfg.error);
    if (cfg.dev != DEV_STREAM && (r = cmd_check_interface(cfg.ifname)) != 0)
        return r;
    if (cfg.dev != DEV_STREAM && cfg.dev != DEV_TAP && (r = cmd_check_privilege()) != 0)
        return r;
    if ((r = set_preload()) != 0)
        return r;
    execvp(argv[at], argv + at);
    return cmd_fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s: %s", argv[at],
                    strerror(errno));
}
