/* SPDX-License-Identifier: ISC */
/*
 * The pcap device: libpcap, opened when it is asked for. One frame at a time, no offloads: for
 * systems and interfaces where the packet device does not do. RTLD_DEEPBIND lets libpcap's calls
 * go straight to libc; it aborts under the sanitizers, which want to see every call.
 */
#include <dlfcn.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include "host/dev_common.h"
#include "host/priv.h"
#include "wire/gso_hdr.h"
#include "host/sys.h"

#define FRAME_MAX (64u << 10)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL)
#endif
#endif
#ifndef OPEN_HOW
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

#define PCAP_CALLS(X)                                                                              \
    X(activate)                                                                                    \
    X(close)                                                                                       \
    X(compile)                                                                                     \
    X(create)                                                                                      \
    X(datalink)                                                                                    \
    X(freecode)                                                                                    \
    X(geterr)                                                                                      \
    X(get_selectable_fd)                                                                           \
    X(inject)                                                                                      \
    X(next_ex)                                                                                     \
    X(set_buffer_size)                                                                             \
    X(set_immediate_mode)                                                                          \
    X(set_snaplen) X(set_timeout) X(setdirection) X(setfilter) X(setnonblock) X(stats)

static struct {
    void *lib;
#define X(name) __typeof__(pcap_##name) *name;
    PCAP_CALLS(X)
#undef X
    pcap_t *p;
    uint8_t frame[FRAME_MAX];
} self;

static int load(char *err, size_t len) {
    if (self.lib)
        return 0;
    self.lib = dlopen("libpcap.so.0.8", OPEN_HOW);
    if (!self.lib)
        self.lib = dlopen("libpcap.so.1", OPEN_HOW);
    if (!self.lib) {
        snprintf(err, len, "the pcap link needs libpcap: %s", dlerror());
        return -ENOENT;
    }
#define X(name)                                                                                    \
    *(void **)&self.name = dlsym(self.lib, "pcap_" #name);                                         \
    if (!self.name) {                                                                              \
        snprintf(err, len, "libpcap has no pcap_" #name);                                          \
        return -ENOSYS;                                                                            \
    }
    PCAP_CALLS(X)
#undef X
    return 0;
}

static int interface_info(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    struct if_facts f;
    if (if_facts(cfg->ifname, &f) < 0 || !f.ethernet) {
        snprintf(err, len, "no Ethernet interface %s in this network namespace", cfg->ifname);
        return -ENODEV;
    }
    d->info.mac = cfg->has_mac ? cfg->mac : f.mac;
    return dev_set_mtu(d, cfg, f.mtu, err, len);
}

static void pcapdev_close(struct dev *d) {
    if (d->fd >= 0)
        host_fd_forget(d->fd);
    if (self.p)
        self.close(self.p);
    self.p = NULL;
    d->fd = -1;
}

static int refuse(struct dev *d, char *err, size_t len, const struct host_cfg *cfg,
                  const char *what) {
    snprintf(err, len, "pcap:%s: %s: %s", cfg->ifname, what, self.geterr(self.p));
    pcapdev_close(d);
    return -EIO;
}

static int set_filter(struct dev *d, const char *text) {
    struct bpf_program prog;
    (void)d;
    if (self.compile(self.p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return -EINVAL;
    int r = self.setfilter(self.p, &prog);
    self.freecode(&prog);
    return r == 0 ? 0 : -EINVAL;
}

static int pcapdev_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    char buf[PCAP_ERRBUF_SIZE] = "";
    int r = load(err, len);
    if (r == 0)
        r = interface_info(d, cfg, err, len);
    if (r < 0)
        return r;
    self.p = self.create(cfg->ifname, buf);
    if (!self.p) {
        snprintf(err, len, "pcap:%s: %s", cfg->ifname, buf);
        return -EIO;
    }
    self.set_snaplen(self.p, 262144);
    self.set_immediate_mode(self.p, 1);
    self.set_timeout(self.p, 1);
    self.set_buffer_size(self.p, 8 << 20);
    if (self.activate(self.p) < 0)
        return refuse(d, err, len, cfg, "cannot open it (it needs CAP_NET_RAW)");
    if (self.datalink(self.p) != DLT_EN10MB)
        return refuse(d, err, len, cfg, "not Ethernet");
    if (self.setnonblock(self.p, 1, buf) < 0)
        return refuse(d, err, len, cfg, "non-blocking mode");
    self.setdirection(self.p, PCAP_D_IN);
    d->fd = self.get_selectable_fd(self.p);
    if (d->fd < 0)
        return refuse(d, err, len, cfg, "no descriptor to poll");
    host_fd_note(d->fd); /* libpcap knows its number: it has to stay */
    return 0;
}

static bool pcapdev_pending(struct dev *d) {
    (void)d;
    return false;
}

static bool pcapdev_rx(struct dev *d, struct pkt_rx *p) {
    struct pcap_pkthdr *h;
    const u_char *bytes;
    for (;;) {
        if (self.next_ex(self.p, &h, &bytes) != 1)
            return false;
        if (h->caplen == h->len)
            break;
        d->truncated++;
    }
    memset(p, 0, sizeof *p);
    p->frame = slice_of(bytes, h->caplen);
    p->csum_ok = gso_hdr_csum_is_open(p->frame); /* libpcap does not say so */
    p->ts_ns = (uint64_t)h->ts.tv_sec * NS_PER_S + (uint64_t)h->ts.tv_usec * NS_PER_US;
    return true;
}

static void pcapdev_rx_done(struct dev *d) { (void)d; }

static int pcapdev_tx(struct dev *d, const struct pkt_tx *p) {
    (void)d;
    if (pkt_len(p) > sizeof self.frame)
        return -EMSGSIZE;
    size_t n = pkt_linearize(p, self.frame, sizeof self.frame);
    return self.inject(self.p, self.frame, n) == (int)n ? 0 : -EIO;
}

/* Kept broad: ARP and everything to our MAC or to a group; IP decides about addresses. */
static int pcapdev_filter(struct dev *d, const struct net *n) {
    char mac[MAC_STR_LEN], text[128];
    (void)n;
    snprintf(text, sizeof text, "ether dst %s or ether multicast", mac_str(&d->info.mac, mac));
    return set_filter(d, text);
}

static uint64_t pcapdev_lost(struct dev *d) {
    static unsigned before; /* libpcap counts from the beginning */
    struct pcap_stat st = {0};
    (void)d;
    if (self.stats(self.p, &st) < 0)
        return 0;
    unsigned more = st.ps_drop - before;
    before = st.ps_drop;
    return more;
}

const struct dev_ops dev_pcap_ops = {
    .name = "pcap",
    .open = pcapdev_open,
    .close = pcapdev_close,
    .pending = pcapdev_pending,
    .rx = pcapdev_rx,
    .rx_done = pcapdev_rx_done,
    .tx = pcapdev_tx,
    .filter = pcapdev_filter,
    .lost = pcapdev_lost,
};
