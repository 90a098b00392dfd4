/* SPDX-License-Identifier: ISC */
/*
 * Bad pointers in each call: PROT_NONE pages, buffers that end in one, NULL. What is returned, and that nothing is lost: the
 * bytes that a failed recv did not deliver come with the next one.
 */
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/uio.h>

#include "common.h"

static char *bad;  /* PROT_NONE */
static char *edge; /* 16 good bytes, then PROT_NONE */

static int dial(int type, int port) {
    struct sockaddr_in a = addr4(HOST_IP, port);
    int fd = socket(AF_INET, type, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        LOG("connect %s", result(-1));
        exit(1);
    }
    return fd;
}
static void wait_in(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, 1, 10000);
}
/* Waits until at least n bytes can be read. */
static void wait_bytes(int fd, int n) {
    int have = 0;
    for (int i = 0; i < 1000 && have < n; i++) {
        wait_in(fd);
        ioctl(fd, FIONREAD, &have);
        if (have < n)
            poll(NULL, 0, 5);
    }
}

int main(void) {
    char *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bad = m + 4096;
    edge = bad - 16;
    mprotect(bad, 4096, PROT_NONE);
    memcpy(edge, "0123456789abcdef", 16);
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in a = addr4(HOST_IP, 7007);
    struct sockaddr_in *badaddr = (void *)bad;
    socklen_t len, *badlen = (void *)bad;
    char buf[100];
    long r;

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    LOG("bind: %s", result(bind(fd, (void *)bad, sizeof a)));
    LOG("connect: %s", result(connect(fd, (void *)bad, sizeof a)));
    LOG("connect NULL: %s", result(connect(fd, NULL, sizeof a)));
    LOG("connect short: %s", result(connect(fd, (void *)&a, 3)));
    LOG("getsockname addr: %s", (len = sizeof a, result(getsockname(fd, (void *)bad, &len))));
    LOG("getsockname len: %s", result(getsockname(fd, (void *)&a, badlen)));
    a = addr4(HOST_IP, 7007);
    LOG("setsockopt: %s", result(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, 4)));
    LOG("setsockopt NULL: %s", result(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4)));
    LOG("setsockopt short: %s", result(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &len, 1)));
    LOG("setsockopt tcp: %s", result(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bad, 4)));
    LOG("getsockopt val: %s", (len = 4, result(getsockopt(fd, SOL_SOCKET, SO_TYPE, bad, &len))));
    LOG("getsockopt len: %s", result(getsockopt(fd, SOL_SOCKET, SO_TYPE, buf, badlen)));
    LOG("connect: %s", result(connect(fd, (void *)&a, sizeof a)));

    LOG("send: %s", result(send(fd, bad, 10, 0)));
    LOG("send NULL: %s", result(send(fd, NULL, 10, 0)));
    LOG("send NULL 0: %s", result(send(fd, NULL, 0, 0)));
    LOG("write: %s", result(write(fd, bad, 10)));
    r = send(fd, edge, 32, 0);
    LOG("send over the edge: %s",
        r == 16 ? "16" : result(r)); /* the kernel may take all 16 good bytes or none */
    struct iovec iov[2] = {{edge, 16}, {bad, 8}};
    struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};
    LOG("sendmsg msghdr: %s", result(sendmsg(fd, (void *)bad, 0)));
    LOG("writev iov: %s", result(writev(fd, (void *)bad, 2)));
    mh.msg_iov = (void *)bad;
    LOG("sendmsg iov: %s", result(sendmsg(fd, &mh, 0)));
    close(fd);

    fd = dial(SOCK_STREAM, 7007);
    send(fd, "abcdefghijklmnopqrstuvwxyz", 26, 0);
    wait_bytes(fd, 26);
    LOG("recv: %s", result(recv(fd, bad, 10, 0)));
    LOG("recv NULL: %s", result(recv(fd, NULL, 10, 0)));
    LOG("read: %s", result(read(fd, bad, 10)));
    LOG("recvfrom addr: %s", (len = sizeof a, result(recvfrom(fd, buf, 4, 0, (void *)bad, &len))));
    LOG("recvmsg msghdr: %s", result(recvmsg(fd, (void *)bad, 0)));
    iov[0] = (struct iovec){bad, 4};
    mh = (struct msghdr){.msg_iov = iov, .msg_iovlen = 1};
    LOG("recvmsg data: %s", result(recvmsg(fd, &mh, 0)));
    LOG("readv iov: %s", result(readv(fd, (void *)bad, 1)));
    LOG("ioctl FIONREAD: %s", result(ioctl(fd, FIONREAD, bad)));
    LOG("ioctl FIONBIO: %s", result(ioctl(fd, FIONBIO, bad)));
    memset(buf, 0, sizeof buf);
    r = recv(fd, buf, sizeof buf, 0);
    LOG("recv at last: %s '%s'", result(r), buf);
    LOG("getpeername: %s", result(getpeername(fd, (void *)&a, badlen)));
    close(fd);

    fd = dial(SOCK_DGRAM, 7008);
    LOG("udp send: %s", result(send(fd, bad, 10, 0)));
    LOG("udp send over the edge: %s", result(send(fd, edge, 32, 0)));
    LOG("udp sendto addr: %s", result(sendto(fd, "x", 1, 0, (void *)bad, sizeof a)));
    send(fd, "datagram one", 12, 0);
    wait_in(fd);
    LOG("udp recv: %s", result(recv(fd, bad, 10, 0)));
    send(fd, "datagram two", 12, 0);
    wait_in(fd);
    LOG("udp recvfrom len: %s", result(recvfrom(fd, buf, sizeof buf, 0, (void *)&a, badlen)));
    send(fd, "datagram three", 14, 0);
    wait_in(fd);
    memset(buf, 0, sizeof buf);
    r = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
    LOG("udp recv at last: %s '%s'", result(r), buf);
    struct mmsghdr *badmm = (void *)bad;
    LOG("sendmmsg: %s", result(sendmmsg(fd, badmm, 1, 0)));
    LOG("recvmmsg: %s", result(recvmmsg(fd, badmm, 1, MSG_DONTWAIT, NULL)));

    LOG("poll: %s", result(poll((void *)bad, 1, 0)));
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};
    LOG("epoll_ctl: %s", result(epoll_ctl(ep, EPOLL_CTL_ADD, fd, (void *)bad)));
    LOG("epoll_ctl good: %s", result(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)));
    LOG("epoll_wait: %s", result(epoll_wait(ep, (void *)bad, 1, 0)));
    LOG("epoll_wait good: %s", result(epoll_wait(ep, &ev, 1, 0)));
    LOG("select: %s", result(select(fd + 1, (void *)bad, NULL, NULL, NULL)));
    (void)badaddr;

    int l = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in la = addr4(OUR_IP, 7010);
    LOG("bind good: %s", result(bind(l, (void *)&la, sizeof la)));
    LOG("listen: %s", result(listen(l, 5)));
    LOG("accept addr nonblocking: %s",
        (fcntl(l, F_SETFL, O_NONBLOCK), len = sizeof a, result(accept(l, (void *)bad, &len))));
    return 0;
}
