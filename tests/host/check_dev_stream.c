/* SPDX-License-Identifier: ISC */
/* The stream device against a peer at the other end of its socket: frames in pieces, frames in part, what is wrong. */
#include <stdio.h>
#include <sys/un.h>

#include "host/fake.h"

#define FRAME_CNT 40

static struct dev d;
static struct host_cfg cfg;
static struct sockaddr_un sa = {.sun_family = AF_UNIX};
static char err[256];
static int lfd = -1, peer = -1;
static uint8_t big[70000];

static void setup(void) {
    fake_start(false, NULL);
    host_cfg_default(&cfg);
    snprintf(sa.sun_path, sizeof sa.sun_path, "/tmp/userstack-test-stream.%d", (int)getpid());
    strcpy(cfg.ifname, sa.sun_path);
    d = (struct dev){.fd = -1, .ops = &dev_stream_ops};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void connected(void) {
    lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(lfd, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(listen(lfd, 1), 0);
    ck_assert_msg(dev_stream_ops.open(&d, &cfg, err, sizeof err) == 0, "%s", err);
    peer = accept(lfd, NULL, NULL);
    ck_assert_int_ge(peer, 0);
    unlink(sa.sun_path);
}

static void teardown(void) {
    if (d.fd >= 0)
        dev_stream_ops.close(&d);
    close(peer);
    close(lfd);
    unlink(sa.sun_path);
}

static void front(uint8_t b[4], uint32_t len) {
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(len >> (24 - 8 * i));
}

/* The device gives one frame that is big[0, len). */
static bool gives(size_t len) {
    struct pkt_rx p;
    if (!dev_stream_ops.rx(&d, &p))
        return false;
    bool good = p.frame.len == len && memcmp(p.frame.p, big, len) == 0 && !p.csum_ok && !p.gso;
    ck_assert_msg(good, "a frame of %zu, not %zu", p.frame.len, len);
    dev_stream_ops.rx_done(&d);
    return true;
}
static bool gives_nothing(void) {
    struct pkt_rx p;
    return !dev_stream_ops.rx(&d, &p);
}

START_TEST(a_frame_in_pieces)
{
    static const size_t len = 60;
    uint8_t b[64];
    connected();
    front(b, len);
    memcpy(b + 4, big, len);
    for (size_t i = 0; i < sizeof b; i++) {
        ck_assert(gives_nothing());
        ck_assert_int_eq(send(peer, b + i, 1, 0), 1);
    }
    ck_assert(gives(len));
    ck_assert(gives_nothing());
}
END_TEST

/* Several at once: while one is left, pending() says so, since the socket would not. */
START_TEST(frames_at_once)
{
    static const size_t lens[] = {60, 14, 1514, 0, 9000, 65549};
    connected();
    for (size_t i = 0; i < UST_ARRAY_CNT(lens); i++) {
        uint8_t b[4];
        front(b, (uint32_t)lens[i]);
        ck_assert_int_eq(send(peer, b, 4, 0), 4);
        ck_assert_int_eq(send(peer, big, lens[i], 0), (int)lens[i]);
    }
    ck_assert(!dev_stream_ops.pending(&d));
    for (size_t i = 0; i < UST_ARRAY_CNT(lens); i++) {
        ck_assert(gives(lens[i]));
        ck_assert(dev_stream_ops.pending(&d) == (i + 1 < UST_ARRAY_CNT(lens)));
    }
    ck_assert(gives_nothing());
}
END_TEST

/* The buffer wraps many times. */
START_TEST(many_frames)
{
    connected();
    for (int i = 0; i < 3000; i++) {
        size_t len = 14 + (size_t)i * 37 % 2000;
        uint8_t b[4];
        front(b, (uint32_t)len);
        ck_assert_int_eq(send(peer, b, 4, 0), 4);
        ck_assert_int_eq(send(peer, big, len, 0), (int)len);
        if (i % 7 == 6)
            for (int k = i - 6; k <= i; k++)
                ck_assert(gives(14 + (size_t)k * 37 % 2000));
    }
}
END_TEST

static const uint32_t too_long[] = {65551, 0x10000000, 0xffffffff};
START_TEST(a_length_that_no_frame_has)
{
    uint8_t b[4], c;
    connected();
    front(b, too_long[_i]);
    ck_assert_int_eq(send(peer, b, 4, 0), 4);
    ck_assert(gives_nothing());
    ck_assert_uint_eq(d.truncated, 1);
    ck_assert_int_eq(recv(peer, &c, 1, 0), 0); /* the connection is given up */
    ck_assert(gives_nothing());
}
END_TEST

START_TEST(the_peer_leaves)
{
    connected();
    close(peer);
    ck_assert(gives_nothing());
    struct pollfd p = {.fd = d.fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 1000), 1);
    ck_assert(p.revents & POLLHUP); /* for turn_dev_error() */
    struct pkt_tx t;
    pkt_start(&t, 60);
    ck_assert_int_lt(dev_stream_ops.tx(&d, &t), 0);
}
END_TEST

static int tx_frame(size_t len) {
    struct pkt_tx t;
    memcpy(pkt_start(&t, 20), big, 20);
    pkt_add_body(&t, slice_of(big + 20, 30));
    pkt_add_body(&t, slice_of(big + 50, len - 50));
    return dev_stream_ops.tx(&d, &t);
}

/* The peer reads late: frames that were taken come whole, and in order, the one in part too. */
START_TEST(frames_in_part)
{
    unsigned taken = 0, got = 0;
    static uint8_t in[FRAME_CNT * 66000];
    size_t have = 0;
    int r = 0, small = 4096;
    connected();
    setsockopt(d.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    while (taken < FRAME_CNT && (r = tx_frame(60000 + taken)) == 0)
        taken++;
    ck_assert_int_eq(r, -EAGAIN);
    ck_assert_uint_gt(taken, 0);
    bool flushed = false;
    for (int i = 0; i < 100000 && !(flushed && got == taken); i++) {
        ssize_t n = recv(peer, in + have, UST_MIN(sizeof in - have, (size_t)5000), MSG_DONTWAIT);
        have += n > 0 ? (size_t)n : 0;
        flushed = dev_stream_ops.flush(&d);
        while (have >= 4) {
            uint32_t len =
                (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
            if (have < 4 + len)
                break;
            ck_assert_uint_eq(len, 60000 + got);
            ck_assert_int_eq(memcmp(in + 4, big, len), 0);
            have -= 4 + len;
            memmove(in, in + 4 + len, have);
            got++;
        }
    }
    ck_assert_uint_eq(got, taken);
    ck_assert_uint_eq(have, 0);
    ck_assert_int_eq(tx_frame(100), 0);
}
END_TEST

START_TEST(frames_that_it_does_not_take)
{
    struct pkt_tx t;
    connected();
    pkt_start(&t, 13);
    ck_assert_int_eq(dev_stream_ops.tx(&d, &t), -EMSGSIZE);
    ck_assert_int_eq(tx_frame(65551), -EMSGSIZE);
    ck_assert_int_eq(tx_frame(65550), 0);
}
END_TEST

START_TEST(what_it_is)
{
    struct ust_mac first;
    connected();
    first = d.info.mac;
    ck_assert(!mac_is_multicast(&first) && (first.b[0] & 2));
    ck_assert_uint_eq(d.info.mtu, 1500);
    ck_assert_uint_eq(d.info.features, 0);
    teardown();
    cfg.mtu = 9000;
    connected();
    ck_assert(mac_eq(&d.info.mac, &first));
    ck_assert_uint_eq(d.info.mtu, 9000);
    teardown();
    cfg.has_mac = true;
    cfg.mac = fake_peer_mac;
    connected();
    ck_assert(mac_eq(&d.info.mac, &fake_peer_mac));
}
END_TEST

START_TEST(nobody_listens)
{
    ck_assert_int_eq(dev_stream_ops.open(&d, &cfg, err, sizeof err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err, "nobody listens there"));
    ck_assert_int_eq(d.fd, -1);
    cfg.mtu = 65535;
    ck_assert_int_eq(dev_stream_ops.open(&d, &cfg, err, sizeof err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err, "65520"));
}
END_TEST

START_TEST(it_listens_itself)
{
    snprintf(cfg.ifname, sizeof cfg.ifname, "listen:%.90s", sa.sun_path);
    pid_t child = fork();
    if (child == 0) {
        uint8_t b[64];
        front(b, 60);
        memcpy(b + 4, big, 60);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        for (int i = 0; i < 1000 && connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0; i++)
            usleep(10000);
        _exit(send(fd, b, sizeof b, 0) == (int)sizeof b ? 0 : 1);
    }
    ck_assert_msg(dev_stream_ops.open(&d, &cfg, err, sizeof err) == 0, "%s", err);
    struct pollfd p = {.fd = d.fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    ck_assert(gives(60));
    ck_assert_int_eq(access(sa.sun_path, F_OK), -1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("host/dev_stream");
    TCase *t = tcase_create("dev_stream");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_frame_in_pieces);
    tcase_add_test(t, frames_at_once);
    tcase_add_test(t, many_frames);
    tcase_add_loop_test(t, a_length_that_no_frame_has, 0, (int)UST_ARRAY_CNT(too_long));
    tcase_add_test(t, the_peer_leaves);
    tcase_add_test(t, frames_in_part);
    tcase_add_test(t, frames_that_it_does_not_take);
    tcase_add_test(t, what_it_is);
    tcase_add_test(t, nobody_listens);
    tcase_add_test(t, it_listens_itself);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
