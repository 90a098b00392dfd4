/* SPDX-License-Identifier: ISC */
/*
 * A capture read back: byte order of the file's head, stamps, frames cut to wire size, checksums,
 * tags.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/priv.h"
#include "wire/eth.h"
#include "wire/gso_hdr.h"
#include "wire/ip4.h"
#include "wire/udp.h"

#define WALL 1700000000123456789ULL

static char path[64];
static struct capture *cap;
static uint8_t file[8 << 20];
static size_t file_len, at;
static struct host_shared shared;
static struct stack stack;

static void setup(void) {
    char err[200];
    snprintf(path, sizeof path, "/tmp/userstack-test-capture.%d", (int)getpid());
    host_local.st = &stack;
    host_local.s = &shared; /* capture_write() takes the lock */
    ck_assert_int_eq(lock_init(&shared), 0);
    cap = capture_open(path, err, sizeof err);
    ck_assert_ptr_nonnull(cap);
}

static void teardown(void) { unlink(path); }

static uint32_t get32(size_t off) {
    uint32_t v;
    ck_assert_uint_le(off + 4, file_len);
    memcpy(&v, file + off, 4);
    return v;
}

static void read_back(void) {
    capture_close(cap);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    file_len = fread(file, 1, sizeof file, f);
    fclose(f);
    ck_assert_uint_eq(get32(0), 0xa1b23c4d);
    ck_assert_uint_eq(get32(4), 4 << 16 | 2);
    ck_assert_uint_eq(get32(20), 1);
    at = 24;
}

/* The next record's frame; empty at the end. */
static struct ust_slice next(void) {
    if (at == file_len)
        return slice_of(NULL, 0);
    ck_assert_uint_eq(get32(at), WALL / NS_PER_S);
    ck_assert_uint_eq(get32(at + 4), WALL % NS_PER_S);
    uint32_t len = get32(at + 8);
    ck_assert_uint_eq(get32(at + 12), len);
    ck_assert_uint_le(at + 16 + len, file_len);
    struct ust_slice s = slice_of(file + at + 16, len);
    at += 16 + len;
    return s;
}

/* A UDP frame with len payload bytes; an open checksum holds the pseudo header's sum. */
static size_t make_frame(uint8_t *f, size_t len, bool open) {
    const struct ust_addr src = addr_from_ip4(0x0a000001), dst = addr_from_ip4(0x0a000002);
    const struct eth_hdr eh = {
        .dst = {{2, 0, 0, 0, 0, 2}}, .src = {{2, 0, 0, 0, 0, 1}}, .type = ETH_TYPE_IP4};
    const struct ip4_hdr ih = {.ttl = 64,
                               .proto = IP_PROTO_UDP,
                               .total_len = (uint16_t)(IP4_HDR_LEN + UDP_HDR_LEN + len),
                               .src = src,
                               .dst = dst};
    const struct udp_hdr uh = {1, 2, (uint16_t)(UDP_HDR_LEN + len)};
    uint8_t *body = f + ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN;
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 7 + i / 256);
    const struct ust_slice b = slice_of(body, len);
    eth_emit(&eh, f);
    ip4_emit(&ih, f + ETH_HDR_LEN);
    if (open)
        udp_emit_partial(&uh, &src, &dst, body - UDP_HDR_LEN);
    else
        udp_emit(&uh, &src, &dst, &b, 1, body - UDP_HDR_LEN);
    return (size_t)(body - f) + len;
}

/* Everything in f is right, the UDP checksum included; returns the payload. */
static struct ust_slice check_frame(struct ust_slice f) {
    struct eth_hdr eh;
    struct ip4_hdr ih;
    struct udp_hdr uh;
    struct ust_slice l3, l4, body;
    ck_assert_int_eq(eth_parse(f, &eh, &l3), DROP_NONE);
    ck_assert_int_eq(ip4_parse(l3, &ih, &l4), DROP_NONE);
    ck_assert_int_eq(udp_parse(l4, &ih.src, &ih.dst, false, &uh, &body), DROP_NONE);
    return body;
}

START_TEST(test_plain)
{
    uint8_t f[2000];
    size_t n = make_frame(f, 777, false);
    const struct pkt_rx p = {.frame = slice_of(f, n)};
    capture_rx(cap, WALL, &p);
    read_back();
    struct ust_slice s = next();
    ck_assert_uint_eq(s.len, n);
    ck_assert_mem_eq(s.p, f, n);
    ck_assert_uint_eq(next().len, 0);
}
END_TEST

START_TEST(test_open_checksum)
{
    uint8_t f[2000];
    size_t n = make_frame(f, 101, true);
    const struct pkt_rx p = {.frame = slice_of(f, n), .csum_ok = true};
    capture_rx(cap, WALL, &p);
    read_back();
    ck_assert_uint_eq(check_frame(next()).len, 101);
}
END_TEST

START_TEST(test_sent_with_open_checksum)
{
    uint8_t f[2000];
    struct pkt_tx p;
    size_t n = make_frame(f, 300, true), hdr = ETH_HDR_LEN + IP4_HDR_LEN;
    memcpy(pkt_start(&p, UDP_HDR_LEN), f + hdr, UDP_HDR_LEN);
    memcpy(pkt_push(&p, hdr), f, hdr);
    p.needs_csum = true;
    p.csum_off = UDP_CSUM_OFF;
    pkt_add_body(&p, slice_of(f + n - 300, 100));
    pkt_add_body(&p, slice_of(f + n - 200, 200));
    capture_tx(cap, WALL, &p);
    read_back();
    struct ust_slice b = check_frame(next());
    ck_assert_uint_eq(b.len, 300);
    ck_assert_mem_eq(b.p, f + n - 300, 300);
}
END_TEST

START_TEST(test_coalesced_is_cut)
{
    static uint8_t f[70000];
    size_t n = make_frame(f, 50001, true), off = 0;
    const struct pkt_rx p = {
        .frame = slice_of(f, n), .csum_ok = true, .gso = PKT_GSO_UDP, .gso_size = 1400};
    capture_rx(cap, WALL, &p);
    read_back();
    for (;;) {
        struct ust_slice s = next();
        if (s.len == 0)
            break;
        struct ust_slice b = check_frame(s);
        ck_assert_uint_eq(b.len, UST_MIN((size_t)1400, 50001 - off));
        ck_assert_mem_eq(b.p, f + (n - 50001) + off, b.len);
        off += b.len;
    }
    ck_assert_uint_eq(off, 50001);
}
END_TEST

START_TEST(test_tag_is_put_back)
{
    uint8_t f[2000];
    size_t n = make_frame(f, 64, false);
    const struct pkt_rx p = {.frame = slice_of(f, n), .has_vlan = true, .vlan_tci = 0x6abc};
    struct eth_hdr eh;
    struct ust_slice l3;
    capture_rx(cap, WALL, &p);
    read_back();
    struct ust_slice s = next();
    ck_assert_uint_eq(s.len, n + 4);
    ck_assert_int_eq(eth_parse(s, &eh, &l3), DROP_NONE);
    ck_assert(eh.has_vlan && eh.vlan_tci == 0x6abc && eh.type == ETH_TYPE_IP4);
    ck_assert_mem_eq(l3.p, f + ETH_HDR_LEN, n - ETH_HDR_LEN);
}
END_TEST

/* More than both buffers hold; in order. */
START_TEST(test_many)
{
    static uint8_t f[2000];
    unsigned cnt = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        size_t n = make_frame(f, 1400, false);
        memcpy(f + 60, &i, 4);
        const struct pkt_rx p = {.frame = slice_of(f, n)};
        capture_rx(cap, WALL, &p);
        if (i % 700 == 0 && capture_due(cap, i * NS_PER_MS))
            capture_write(cap);
    }
    read_back();
    for (struct ust_slice s = next(); s.len > 0; s = next()) {
        uint32_t i;
        memcpy(&i, s.p + 60, 4);
        ck_assert_uint_eq(i, cnt);
        cnt++;
    }
    ck_assert_uint_eq(cnt, 5000);
}
END_TEST

START_TEST(test_due)
{
    uint8_t f[2000];
    size_t n = make_frame(f, 100, false);
    const struct pkt_rx p = {.frame = slice_of(f, n)};
    struct stat sb;
    ck_assert(!capture_due(cap, 1));
    capture_rx(cap, WALL, &p);
    ck_assert(!capture_due(cap, NS_PER_S));
    ck_assert(capture_due(cap, 2 * NS_PER_S));
    capture_write(cap);
    ck_assert(!capture_due(cap, 3 * NS_PER_S));
    ck_assert_int_eq(stat(path, &sb), 0);
    ck_assert_int_eq(sb.st_size, (long)(24 + 16 + n)); /* there while the program runs */
}
END_TEST

/* If there is a tcpdump, it must like it. */
START_TEST(test_tcpdump)
{
    char cmd[200], line[300] = "";
    if (system("command -v tcpdump >/dev/null 2>&1") != 0)
        return;
    uint8_t f[2000];
    size_t n = make_frame(f, 100, true);
    const struct pkt_rx p = {.frame = slice_of(f, n), .csum_ok = true};
    capture_rx(cap, WALL, &p);
    capture_flush(cap);
    snprintf(cmd, sizeof cmd, "TZ=UTC tcpdump -nvvr %s 2>/dev/null | tail -1", path);
    FILE *out = popen(cmd, "r");
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, out));
    pclose(out);
    ck_assert_msg(strstr(line, "10.0.0.1.1 > 10.0.0.2.2") && strstr(line, "[udp sum ok]"), "%s",
                  line);
}
END_TEST

START_TEST(test_bad_path)
{
    char err[200] = "";
    ck_assert_ptr_null(capture_open("/nonexistent/x.pcap", err, sizeof err));
    ck_assert_ptr_nonnull(strstr(err, "/nonexistent/x.pcap"));
}
END_TEST

int main(void) {
    Suite *s = suite_create("host/capture");
    TCase *tc = tcase_create("capture");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_plain);
    tcase_add_test(tc, test_open_checksum);
    tcase_add_test(tc, test_sent_with_open_checksum);
    tcase_add_test(tc, test_coalesced_is_cut);
    tcase_add_test(tc, test_tag_is_put_back);
    tcase_add_test(tc, test_many);
    tcase_add_test(tc, test_due);
    tcase_add_test(tc, test_tcpdump);
    tcase_add_test(tc, test_bad_path);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
