/* SPDX-License-Identifier: ISC */
/* USERSTACK_STRICT and USERSTACK_LOOPBACK=stack: nothing reaches the kernel's network, not even by what we miss. */
#include "preload/both.h"

#include <fcntl.h>

/* Behind both.c's, before the library's own. */
__attribute__((constructor(102))) static void environment(void) {
    setenv("USERSTACK_STRICT", "1", 1);
    setenv("USERSTACK_LOOPBACK", "stack", 1);
    setenv("USERSTACK_KERNEL", "192.0.2.0/24", 1);
}

START_TEST(placeholders_lead_nowhere)
{
    int domain = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(domain);
    gives(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
    ck_assert_int_eq(domain, AF_INET);
    ck_assert_int_eq(sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
    ck_assert_int_eq(domain, AF_UNIX);
    int s[2];
    tcp_pair(0, s);
    ck_assert_int_eq(sys_getsockopt(s[1], SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
    ck_assert_int_eq(domain, AF_UNIX);
}
END_TEST

START_TEST(no_way_round)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(9)};
    sa.sin_addr.s_addr = htonl(0xc0000201);
    int fd = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
    fails(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ENETUNREACH);
    fails(sendto(u, "x", 1, 0, (struct sockaddr *)&sa, sizeof(sa)), ENETUNREACH);
    fails(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), EADDRNOTAVAIL);
    fails(socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP), EPROTONOSUPPORT);
    int unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(unix_fd, 0);
}
END_TEST

/* 127.0.0.1 is the stack's own. */
START_TEST(loopback)
{
    int s[2];
    char b[8];
    struct sockaddr_in sa;
    int l = tcp_listener(0, &sa), c = socket(AF_INET, SOCK_STREAM, 0);
    close(l);
    l = socket(AF_INET, SOCK_STREAM, 0);
    sa = address(1, 0);
    gives(bind(l, (struct sockaddr *)&sa, sizeof(sa)), 0);
    gives(listen(l, 1), 0);
    name_of(l, &sa);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    s[1] = accept(l, NULL, NULL);
    check_side(0, c);
    gives(send(c, "x", 1, 0), 1);
    gives(recv(s[1], b, 8, 0), 1);
}
END_TEST

int main(void) {
    both_init();
    Suite *s = suite_create("strict");
    TCase *t = tcase_create("strict");
    tcase_add_test(t, placeholders_lead_nowhere);
    tcase_add_test(t, no_way_round);
    tcase_add_test(t, loopback);
    suite_add_tcase(s, t);
    return both_run(s);
}
