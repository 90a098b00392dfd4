/* SPDX-License-Identifier: ISC */
/* What several devices share: the virtio header in front of a frame, facts about an interface. */
#ifndef UST_HOST_DEV_COMMON_H
#define UST_HOST_DEV_COMMON_H

#include <sys/uio.h>

#include "host/host.h"

#define VNET_BYTES 10          /* struct virtio_net_hdr without the merge field */
#define DEV_FRAME_BYTES 66560u /* any frame, and what stands before it */
#define DEV_IOV_MAX (PKT_SLICE_MAX + 2)

/* Writes p's offload fields as the kernel reads them. */
void vnet_emit(const struct pkt_tx *p, uint8_t dst[VNET_BYTES]);
/* Sets p's offload fields from what the kernel wrote. */
void vnet_parse(struct pkt_rx *p, const uint8_t src[VNET_BYTES]);

/* The frame as slices, behind `front` (its len may be 0); their count. */
int dev_iov(const struct pkt_tx *p, struct ust_slice front, struct iovec iov[DEV_IOV_MAX]);

struct if_facts {
    struct ust_mac mac;
    uint32_t mtu;
    bool up, ethernet;
};
/* 0, or -ENODEV: there is none of that name in this network namespace. */
int if_facts(const char *name, struct if_facts *f);
/* The MTU that the configuration wants of at most `most`, into d->info.mtu. 0, or -EINVAL with a line in err. */
int dev_set_mtu(struct dev *d, const struct host_cfg *cfg, uint32_t most, char *err, size_t len);
/* The stack is the far end of a wire whose near end is not it: the configured address, else one of our own, locally
 * administered, always the same for the same bytes. */
void dev_set_far_mac(struct dev *d, const struct host_cfg *cfg, const void *of, size_t len);
/* Closes d->fd, one of the private ones. */
void dev_drop_fd(struct dev *d);

#endif
