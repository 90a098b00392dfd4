/* SPDX-License-Identifier: ISC */
/* UDP header (RFC 768). */
#ifndef UST_WIRE_UDP_H
#define UST_WIRE_UDP_H

#include "base/csum.h"
#include "base/drop.h"

#define UDP_HDR_LEN 8
#define UDP_CSUM_OFF 6

struct udp_hdr {
    uint16_t sport, dport;
    uint16_t len; /* header and payload */
};

/* Checks length and, unless csum_ok, the checksum (0 = none, allowed over IPv4 only). DROP_NONE,
 * DROP_UDP_SHORT/LEN/CSUM. *payload is cut to the length field. In a coalesced (gso) packet the
 * length field is the whole. */
enum drop udp_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                    bool csum_ok, struct udp_hdr *h, struct ust_slice *payload);
/* Writes UDP_HDR_LEN bytes with the full checksum over the payload slices (a computed 0 is sent as
 * 0xffff). */
void udp_emit(const struct udp_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
              const struct ust_slice *payload, int cnt, uint8_t *dst_hdr);
/* The same with the checksum left open: the field holds the folded pseudo header sum, for
 * pkt_tx.needs_csum. */
void udp_emit_partial(const struct udp_hdr *h, const struct ust_addr *src,
                      const struct ust_addr *dst, uint8_t *dst_hdr);
/* No checksum (field 0; IPv4 only; SO_NO_CHECK). */
void udp_emit_nocsum(const struct udp_hdr *h, uint8_t *dst_hdr);
/* Ports from the first 8 bytes quoted in an ICMP error; false if s is shorter than 4. */
bool udp_parse_ports(struct ust_slice s, uint16_t *sport, uint16_t *dport);

#endif
