/* SPDX-License-Identifier: ISC */
/* What kernel_opts.c tries, and check_sock_opt.c after it. */
#ifndef UST_TESTS_KERNEL_OPTS_VALUES_H
#define UST_TESTS_KERNEL_OPTS_VALUES_H

static const int opt_lens[] = {0, 1, 2, 3, 4, 8, 12, 16, 20, -1};
static const int opt_vals[] = {-2,     -1,     0,      1,       2,         3,     6,     7,
                               8,      30,     63,     64,      65,        68,    88,    100,
                               127,    128,    255,    256,     257,       536,   1000,  1024,
                               1280,   2304,   4096,   32767,   32768,     65535, 65536, 100000,
                               212992, 212993, 425984, 1 << 30, 0x7fffffff};

#endif
