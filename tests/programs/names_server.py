#!/usr/bin/env python3
"""names_server.py ADDRESS PORT: a name server that behaves badly, by the first label of the question.

servfail: SERVFAIL; refused: REFUSED; formerr: FORMERR; silent: nothing; slow: after a second;
trunc: 60 addresses, over UDP cut short with TC; edns: FORMERR if there is an OPT record, else an
address; wrong: an answer to another question, then the right one; half: SERVFAIL for AAAA only.
Each question is written to standard output: protocol, name, type, whether it had an OPT record.
"""
import socket
import struct
import sys
import threading
import time


def parse(q):
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode("latin-1"))
        at += 1 + q[at]
    return labels, struct.unpack(">H", q[at + 1:at + 3])[0], at + 5


def reply(q, rcode=0, addresses=(), tc=False, question=None):
    labels, qtype, end = parse(q)
    flags = 0x8180 | (0x0200 if tc else 0) | rcode
    out = q[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0) + (question or q[12:end])
    for a in addresses:
        raw = socket.inet_aton(a)
        out += b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, len(raw)) + raw
    return out


def answers(q, tcp):
    labels, qtype, end = parse(q)
    opt = q[10:12] != b"\0\0"
    print("tcp" if tcp else "udp", ".".join(labels), qtype, "edns" if opt else "plain", flush=True)
    what = labels[0].lower() if labels else ""
    one = ["192.0.2.7"] if qtype == 1 else []
    if what == "servfail":
        return [reply(q, 2)]
    if what == "refused":
        return [reply(q, 5)]
    if what == "formerr" or (what == "edns" and opt):
        return [reply(q, 1)]
    if what == "silent":
        return []
    if what == "slow":
        time.sleep(1)
    if what == "trunc" and qtype == 1:
        many = ["192.0.2.%d" % i for i in range(1, 61)]
        return [reply(q, 0, many)] if tcp else [reply(q, 0, many[:20], tc=True)]
    if what == "wrong":
        return [reply(q, 0, ["192.0.2.66"], question=b"\x05other\x00\x00\x01\x00\x01"), reply(q, 0, one)]
    if what == "half" and qtype == 28:
        return [reply(q, 2)]
    return [reply(q, 0, one)]


def serve_tcp(s):
    while True:
        c, _ = s.accept()

        def talk(c=c):
            with c:
                while len(head := c.recv(2, socket.MSG_WAITALL)) == 2:
                    q = c.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
                    for r in answers(q, True):
                        c.sendall(struct.pack(">H", len(r)) + r)
        threading.Thread(target=talk, daemon=True).start()


def main():
    at = (sys.argv[1], int(sys.argv[2]))
    t = socket.socket()
    t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    t.bind(at)
    t.listen(16)
    threading.Thread(target=serve_tcp, args=(t,), daemon=True).start()
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(at)
    while True:
        q, peer = u.recvfrom(4096)

        def one(q=q, peer=peer):
            for r in answers(q, False):
                u.sendto(r, peer)
        threading.Thread(target=one, daemon=True).start()


main()
