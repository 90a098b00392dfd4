#!/usr/bin/env python3
"""seeds.py DIR: writes the seed inputs of fuzz_frame and fuzz_tcp to DIR/frame and DIR/tcp: settings, then operations
as box.h and the two targets read them. Checksums and sequence numbers are left to the target's own repair (its `fix` byte), so
that these stay right whatever the stack's secrets are. Run it after a change of the input's form."""
import os
import struct
import sys

US, PEER = bytes([2, 0, 0, 0, 0, 2]), bytes([2, 0, 0, 0, 0, 1])
IP_US, IP_PEER = bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])
FIX_ETH, FIX_IP, FIX_WHOLE, FIX_PORTS, FIX_SEQ, FIX_CSUM, FIX_INNER = 1, 2, 4, 8, 16, 32, 64
FIX_ALL = FIX_ETH | FIX_IP | FIX_WHOLE | FIX_PORTS | FIX_SEQ | FIX_CSUM
(FRAME, FIXED, TIME, READ, WRITE, CLOSE, ABORT, SHUT, ACCEPT, OPEN, CONNECT, SENDTO, SETOPT, HOLD,
 POLL, MORE) = range(16)
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128


def op(which, arg=0, *data):
    return bytes([which | arg << 4]) + bytes(data)


def raw(frame, arg=0):
    return op(FRAME, arg) + struct.pack("<H", len(frame)) + frame


def fixed(frame, fix=FIX_ALL, which=0, arg=0):
    return op(FIXED, arg, fix, which) + struct.pack("<H", len(frame)) + frame


def eth(payload, kind=0x0800, dst=US):
    return dst + PEER + struct.pack(">H", kind) + payload


def csum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ip4(proto, payload, frag=0, ident=1, opts=b"", dst=IP_US):
    head = struct.pack(">BBHHHBBH4s4s", 0x45 + len(opts) // 4, 0, 20 + len(opts) + len(payload),
                       ident, frag, 64, proto, 0, IP_PEER, dst) + opts
    head = head[:10] + struct.pack(">H", csum(head)) + head[12:]
    return eth(head + payload)


def arp(op_, target=IP_US, sender=IP_PEER, dst=b"\xff" * 6):
    return eth(struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, op_, PEER, sender, b"\0" * 6, target),
               0x0806, dst)


def icmp(kind, code=0, rest=0, payload=b""):
    body = struct.pack(">BBHI", kind, code, 0, rest) + payload
    return ip4(1, body[:2] + struct.pack(">H", csum(body)) + body[4:])


def udp(payload, sport=4000, dport=53):
    return ip4(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def tcp(flags, seq=0, ack=0, wnd=500, payload=b"", opts=b"", urg=0):
    opts += b"\1" * (-len(opts) % 4)
    return ip4(6, struct.pack(">HHIIBBHHH", 7008, 80, seq & 0xffffffff, ack & 0xffffffff,
                              5 + len(opts) // 4 << 4, flags, wnd, 0, urg) + opts + payload)


MSS, WSCALE, SACK_OK = b"\2\4\5\xb4", b"\1\3\3\7", b"\4\2\1\1"
TS = b"\1\1\x08\x0a" + b"\0" * 8


def sack(*blocks):
    return b"\1\1" + bytes([5, 2 + 8 * len(blocks)]) + b"".join(struct.pack(">II", *b) for b in blocks)


def quoted(proto):
    return ip4(proto, struct.pack(">HHI", 40000, 5000, 0))[14:]


def inp(*ops, settings=(0, 0x37)):
    return bytes(settings) + b"".join(ops)


second = op(TIME, 8)
frame_seeds = {
    "arp": inp(fixed(arp(1), FIX_ETH, 32), raw(arp(1)), raw(arp(2)), raw(arp(1, IP_PEER)), second),
    "arp-resolve": inp(op(SENDTO, 3, 2, 7, 0, 9), second, raw(arp(2, sender=bytes([10, 0, 0, 9]), dst=US)),
                       op(SENDTO, 3, 2, 7, 0, 9), op(TIME, 12)),
    "arp-conflict": inp(raw(arp(1, sender=IP_US)), raw(arp(2, sender=IP_US)), second),
    "arp-probe": inp(op(HOLD, 3), op(TIME, 11), raw(arp(1, bytes([10, 0, 0, 3]))), op(HOLD, 4), op(HOLD, 11), op(TIME, 7),
                     raw(arp(1, bytes([10, 0, 0, 3]), bytes(4))), op(TIME, 11)),
    "arp-probe-conflict": inp(op(HOLD, 3), op(TIME, 8), raw(arp(2, sender=bytes([10, 0, 0, 3]))), op(TIME, 11)),
    "neighbours": inp(*(raw(arp(1, sender=bytes([10, 0, i, 9 + j]))) for i in (0, 1) for j in range(9)), op(TIME, 12),
                      op(SENDTO, 3, 2, 7, 0, 9), op(TIME, 10), op(TIME, 10)),
    "icmp-echo": inp(raw(icmp(8, 0, 0x10001, b"ping" * 14)), fixed(icmp(8, 0, 0x10002, b"x" * 1400))),
    "icmp-errors": inp(*(fixed(icmp(t, c, 1400 if c == 4 else 0, quoted(p)), FIX_ALL | FIX_INNER)
                         for t, c in ((3, 4), (3, 3), (3, 1), (11, 0), (12, 0), (4, 0), (5, 1)) for p in (6, 17))),
    "igmp": inp(fixed(ip4(2, bytes([0x11, 10]) + b"\0" * 6), FIX_ETH | FIX_IP | FIX_CSUM, 16), op(TIME, 9), op(TIME, 9)),
    "fragments": inp(raw(ip4(17, b"a" * 16, 0x2000, 7)), raw(ip4(17, b"b" * 16, 2, 7)),
                     raw(ip4(17, struct.pack(">HHHH", 4000, 53, 40, 0) + b"c" * 8, 0x2000, 8)), raw(ip4(17, b"d" * 24, 2, 8)),
                     op(READ, 3, 1)),
    "fragments-overlap": inp(raw(ip4(17, b"a" * 24, 0x2000, 9)), raw(ip4(17, b"b" * 24, 0x2002, 9)),
                             raw(ip4(1, b"a" * 8, 0x3fff, 10)), op(TIME, 12)),
    "ip-options": inp(raw(ip4(17, b"\0" * 8, opts=b"\x94\4\0\0")), raw(ip4(17, b"\0" * 8, opts=b"\x83\7\4" + IP_PEER + b"\0")),
                      raw(ip4(1, b"\x08\0\0\0\0\0\0\0", opts=b"\7\x0b\4" + b"\0" * 9))),
    "ip-proto": inp(raw(ip4(89, b"x" * 20)), raw(eth(b"\x60" + b"\0" * 60, 0x86dd)), raw(eth(b"\0\5\x08\0" + b"x" * 30, 0x8100))),
    "udp": inp(fixed(udp(b"query")), fixed(udp(b"answer"), which=1), op(READ, 3, 1), op(READ, 4, 1), raw(udp(b"x", 1, 9))),
    "udp-group": inp(fixed(udp(b"all"), which=16), fixed(udp(b"all"), which=32), op(READ, 3, 1), op(READ, 3, 1)),
    "udp-gro": inp(op(SETOPT, 3, 27, 1), op(FIXED, 4, FIX_ALL, 0) + struct.pack("<HH", 100, 14 + 28 + 400) + udp(b"g" * 400),
                   op(READ, 3, 1)),
    "udp-send": inp(op(SENDTO, 4, 0, 0xe9, 0x14, 10), op(SENDTO, 3, 16, 0xe9, 0x14, 200), op(SENDTO, 3, 4, 53, 0, 9),
                    op(SENDTO, 3, 1, 53, 0, 9), op(READ, 3, 1), settings=(3, 0x37)),
    "tcp-data": inp(fixed(tcp(PSH | ACK, payload=b"hello" * 20)), op(READ, 1, 3), op(WRITE, 1, 9), second,
                    fixed(tcp(ACK)), fixed(tcp(FIN | ACK)), op(CLOSE, 1), settings=(0, 0)),
    "tcp-server": inp(fixed(tcp(PSH | ACK, payload=b"get"), which=8), op(READ, 5, 3), op(WRITE, 5, 20), op(SHUT, 5, 1),
                      fixed(tcp(ACK), which=8), fixed(tcp(FIN | ACK), which=8), op(TIME, 13), settings=(2, 0)),
    "tcp-syn": inp(fixed(tcp(SYN, opts=MSS + WSCALE + SACK_OK + TS), FIX_ALL & ~FIX_SEQ, 9),
                   fixed(tcp(ACK, opts=TS), which=9), op(ACCEPT, 0), fixed(tcp(RST), which=9)),
    "tcp-synack": inp(fixed(tcp(SYN | ACK, opts=MSS + WSCALE), which=1), op(WRITE, 2, 5), fixed(tcp(ACK), which=1)),
    "tcp-ooo": inp(fixed(tcp(ACK, seq=1000, payload=b"x" * 100)), fixed(tcp(ACK, seq=500, payload=b"y" * 500)),
                   fixed(tcp(ACK, payload=b"z" * 500)), op(READ, 1, 20), settings=(0, 2)),
    "tcp-sack": inp(op(WRITE, 1, 60), fixed(tcp(ACK, opts=sack((1, 2), (5, 9)))), op(TIME, 6), settings=(2, 6)),
    "tcp-urg": inp(fixed(tcp(PSH | ACK | URG, payload=b"urgent", urg=3)), op(READ, 1, 1), op(SETOPT, 1, 3, 1),
                   fixed(tcp(PSH | ACK | URG, payload=b"more", urg=4)), op(READ, 1, 1), settings=(0, 0)),
    "tcp-rst": inp(fixed(tcp(RST)), fixed(tcp(RST | ACK, ack=1), which=1), fixed(tcp(RST, seq=5), which=8), raw(tcp(ACK))),
    "tcp-bad": inp(raw(tcp(SYN | FIN)), raw(tcp(0)), raw(tcp(255, opts=b"\2\1\0\0")), fixed(tcp(ACK, opts=b"\x08\3\5\0"))),
    "tcp-gro": inp(op(FIXED, 2, FIX_ALL, 0) + struct.pack("<HH", 500, 14 + 40 + 2000) + tcp(PSH | ACK, payload=b"g" * 2000),
                   op(READ, 1, 20), settings=(3, 0)),
    "faults": inp(*(fixed(icmp(8, 0, i, b"p" * 60)) + op(TIME, 2) for i in range(20)), settings=(8, 7)),
    "truncated": inp(*(raw(tcp(PSH | ACK, payload=b"abc")[:n]) for n in range(0, 57, 3))),
    "hold": inp(op(HOLD, 0), *(raw(icmp(8, 0, i, b"p" * 40)) for i in range(12)), second, op(HOLD, 1), second),
    "poll": inp(op(POLL, 0, 0x01), op(POLL, 0, 0x33), op(POLL, 5, 0x45), fixed(udp(b"query")), op(POLL, 7, 7), op(POLL, 3, 0),
                op(POLL, 8, 1), op(POLL, 1, 0x21), op(POLL, 2, 1), op(CLOSE, 3), op(POLL, 7, 7)),
    "repair": inp(op(WRITE, 1, 40), op(HOLD, 2), fixed(tcp(ACK)), op(READ, 5, 1), op(HOLD, 2), second, settings=(0, 0)),
}

# fuzz_tcp: op(FRAME, flow, kind and changes, ...)
S_ACK, S_DATA, S_FIN, S_RST, S_SYN, S_SYNACK, S_OOO, S_SACK = range(8)
C_SEQ, C_ACK, C_FLAGS, C_WND, C_OPTS = 8, 16, 32, 64, 128


def seg(flow, what, *data):
    return op(FRAME, flow, what, *data)


def u16(v):
    return v & 255, v >> 8 & 255


ACKED = seg(0, S_ACK)
tcp_seeds = {
    "exchange": inp(seg(0, S_DATA, 20), op(READ, 1, 5), op(WRITE, 1, 20), ACKED, op(WRITE, 1, 60), ACKED, ACKED,
                    seg(0, S_FIN), op(CLOSE, 1), ACKED),
    "server": inp(seg(8, S_DATA, 60), op(READ, 5, 5), op(WRITE, 5, 100), seg(8, S_ACK), op(TIME, 7), seg(8, S_ACK), op(CLOSE, 5),
                  seg(8, S_ACK), seg(8, S_FIN), op(TIME, 13)),
    "connect": inp(seg(1, S_SYNACK, 0x6b), op(WRITE, 2, 9), seg(1, S_ACK), op(SHUT, 2, 1), seg(1, S_ACK), seg(1, S_FIN), op(TIME, 13)),
    "refused": inp(seg(1, S_RST | C_FLAGS, ACK), op(WRITE, 2, 1), op(READ, 2, 1)),
    "simultaneous": inp(seg(1, S_SYN, 0x6b), seg(1, S_SYNACK, 0x6b), op(WRITE, 2, 3), seg(1, S_ACK), op(CLOSE, 2), seg(1, S_FIN)),
    "listen": inp(*(seg(f, S_SYN, 0x6b) + seg(f, S_ACK) + op(ACCEPT, 0) for f in range(9, 14)), op(CLOSE, 0),
                  settings=(8, 7)),
    "syn-flood": inp(*(seg(f, S_SYN, 0x6b) for f in range(9, 16)), op(TIME, 9), *(seg(f, S_ACK) for f in range(9, 16)), op(TIME, 12),
                     settings=(8, 7)),
    "reorder": inp(seg(0, S_OOO, *u16(2000), 10), seg(0, S_OOO, *u16(1000), 62), seg(0, S_OOO, *u16(500), 31), seg(0, S_DATA, 31),
                   op(READ, 1, 99)),
    "duplicates": inp(seg(0, S_DATA, 40), seg(0, S_DATA | C_SEQ, 40, *u16(-640)), seg(0, S_DATA | C_SEQ, 80, *u16(-320)), op(READ, 1, 99),
                      seg(0, S_DATA | C_SEQ, 9, *u16(-2000))),
    "fin-ooo": inp(seg(0, S_FIN | C_SEQ, *u16(160)), seg(0, S_DATA, 10), op(READ, 1, 9), op(READ, 1, 9), op(CLOSE, 1)),
    "loss": inp(op(WRITE, 1, 120), ACKED, op(WRITE, 1, 120), seg(0, S_SACK, 41, *u16(1460), *u16(1460)),
                seg(0, S_SACK, 42, *u16(1460), *u16(4380), *u16(8000), *u16(100)), op(TIME, 5), ACKED, op(TIME, 9), ACKED),
    "sack": inp(op(WRITE, 1, 120), seg(0, S_SACK, 252, *u16(1), 0, 0), seg(0, S_SACK, 253, *u16(2), 0, 0, *u16(1), 0, 0),
                seg(0, S_SACK, 253, *u16(3), 0, 0, *u16(1), 0, 0), op(TIME, 5), ACKED, op(WRITE, 1, 120), op(TIME, 8), ACKED,
                seg(0, S_SACK, 252, *u16(0), 0, 0)),
    "delack": inp(*(seg(0, S_DATA, 1) for _ in range(20)), op(TIME, 8), seg(0, S_DATA, 1), op(TIME, 9), op(READ, 1, 99)),
    "dupacks": inp(op(WRITE, 1, 120), *(seg(0, S_ACK | C_ACK, *u16(-4000)) for _ in range(5)), op(TIME, 6), ACKED, settings=(0, 0)),
    "timeout": inp(op(WRITE, 1, 10), op(TIME, 9), op(TIME, 11), seg(0, S_ACK), op(WRITE, 1, 10), op(TIME, 15)),
    "zero-window": inp(seg(0, S_ACK | C_WND, 0, 0, 0), op(WRITE, 1, 20), op(TIME, 10), op(TIME, 12), seg(0, S_ACK | C_WND, 100, 0, 0),
                       op(TIME, 8), ACKED),
    "slow-reader": inp(*(seg(0, S_DATA, 255) for _ in range(6)), op(READ, 1, 9), seg(0, S_DATA, 255), op(READ, 1, 127), op(TIME, 6),
                       settings=(32, 7)),
    "urgent": inp(seg(0, S_DATA | C_WND, 10, *u16(500), 7), op(READ, 1, 9), op(WRITE, 1, 3), ACKED),
    "urgent-read": inp(seg(0, S_DATA | C_WND, 10, *u16(500), 7), op(SETOPT, 1, 34, 1), op(READ, 1, 0), op(SETOPT, 1, 34, 0), op(READ, 1, 9),
                       op(SETOPT, 1, 3, 1), seg(0, S_DATA | C_WND, 10, *u16(500), 7), op(READ, 1, 9)),
    "names": inp(*(op(SETOPT, s, n, 5) for s in (0, 1, 2, 3, 5) for n in (32, 35, 36, 37)), seg(1, S_SYNACK, 0x6b), op(SETOPT, 2, 36, 0)),
    "rack": inp(op(WRITE, 1, 120), ACKED, op(WRITE, 1, 127), seg(0, S_SACK, 40, *u16(1000), *u16(1448)), ACKED, op(WRITE, 1, 127),
                op(TIME, 2), seg(0, S_SACK, 40, *u16(1448), *u16(1448)), op(TIME, 3), op(TIME, 4), ACKED),
    "share": inp(op(OPEN, 6, 8 + 4 + 2, *u16(81)), op(OPEN, 7, 8 + 4 + 2, *u16(81)), op(OPEN, 8, 8 + 4 + 2 + 1, *u16(54)),
                 op(OPEN, 9, 8 + 4 + 2 + 1, *u16(54)), op(OPEN, 10, 2 | 16, *u16(81)), op(SENDTO, 3, 1, *u16(54), 9), op(ACCEPT, 6),
                 op(ACCEPT, 7), op(CLOSE, 6), op(SENDTO, 3, 1, *u16(54), 9), op(CLOSE, 10)),
    "half-copies": inp(seg(0, S_DATA, 100), op(READ, 1, 130), seg(0, S_RST), op(READ, 1, 0), op(WRITE, 5, 140), op(ABORT, 5), op(WRITE, 5, 0)),
    "reset-in-window": inp(seg(0, S_RST | C_SEQ, *u16(10)), seg(0, S_SYN | C_SEQ, 0, *u16(10)), op(TIME, 8), seg(0, S_RST)),
    "old-timestamps": inp(seg(0, S_DATA | C_OPTS, 10, 6), seg(0, S_DATA | C_OPTS, 10, 1), seg(0, S_DATA, 10), op(READ, 1, 9)),
    "time-wait": inp(op(SHUT, 5, 1), seg(8, S_ACK), seg(8, S_FIN), op(CLOSE, 5), op(TIME, 10), seg(8, S_FIN | C_SEQ, *u16(-1)),
                     seg(8, S_SYN | C_SEQ, 0x6b, *u16(4000)), op(TIME, 13)),
    "icmp": inp(op(WRITE, 1, 60), op(FIXED, 0, 0, *u16(1000), *u16(1400)), op(TIME, 6), op(FIXED, 0, 2, 0, 0, 0, 0),
                op(FIXED, 1, 1, 0, 0, *u16(1)), op(FIXED, 0, 0, *u16(100), *u16(1)), ACKED),
    "super": inp(seg(0, S_DATA | C_OPTS, 255, 16), op(WRITE, 1, 127), ACKED, op(WRITE, 1, 127), seg(0, S_ACK | C_ACK, *u16(-1500)), op(TIME, 7),
                 ACKED, op(READ, 1, 99), settings=(3, 7)),
    "ecn": inp(op(WRITE, 1, 60), seg(0, S_ACK | C_OPTS, 64), op(WRITE, 1, 60), seg(0, S_DATA | C_OPTS, 9, 128), settings=(64, 15)),
    "cork": inp(op(SETOPT, 1, 8, 1), op(WRITE, 1, 1), op(TIME, 7), op(SETOPT, 1, 8, 0), ACKED, op(SETOPT, 1, 7, 1), op(WRITE, 1, 0)),
    "keepalive": inp(op(SETOPT, 1, 10, 5), op(SETOPT, 1, 11, 2), op(SETOPT, 1, 12, 3), op(SETOPT, 1, 0, 1), op(TIME, 11), ACKED,
                     op(TIME, 13)),
    "reuse": inp(op(ABORT, 1), op(OPEN, 6, 8 + 2, *u16(0)), op(OPEN, 7, 2, *u16(5000)), seg(2, S_SYNACK, 0x6b), op(WRITE, 7, 4),
                 op(CONNECT, 7, 0, *u16(5000)), op(SETOPT, 7, 33, 0), op(CONNECT, 7, 0, *u16(5002)), seg(3, S_SYNACK, 0x6b)),
    "self": inp(op(OPEN, 6, 2 | 16, *u16(80)), op(ACCEPT, 0), op(WRITE, 6, 9), op(READ, 7, 9), op(CLOSE, 7), op(READ, 6, 9), op(CLOSE, 6)),
    "tight": inp(op(WRITE, 1, 127), op(WRITE, 5, 127), *(seg(f, S_SYN, 0x6b) for f in range(9, 16)), seg(0, S_OOO, *u16(9000), 255),
                 op(TIME, 12), settings=(4, 7)),
    "burst": inp(op(MORE, 8), *(seg(0, S_DATA, 90) for _ in range(9)), op(READ, 1, 99), op(MORE, 0), ACKED),
    "repair": inp(op(WRITE, 1, 60), seg(0, S_OOO, *u16(900), 9), op(HOLD, 2), ACKED, seg(0, S_DATA, 60), op(READ, 1, 9), op(CLOSE, 0),
                  op(HOLD, 2), op(TIME, 8)),
}

for target, seeds in (("frame", frame_seeds), ("tcp", tcp_seeds)):
    folder = os.path.join(sys.argv[1], target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
