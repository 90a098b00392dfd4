#!/usr/bin/env python3
"""peer.py: the other end of the differential programs, both families. TCP echo on 7007, UDP echo on 7008; 7010 takes
connections and datagrams and does nothing with them; and 7009, where the first line of
a connection says what the peer does with it:

    hold            nothing: neither reads nor writes
    echo            sends back what comes
    data N          sends N bytes, then as hold
    fin             half-closes, goes on reading
    datafin N       sends N bytes and half-closes
    close           closes
    reset           resets
    datareset N     sends N bytes, and resets once they are acknowledged
    oob             sends "ab", then "c" as urgent data
    dial PORT       connects to that port of who asks, and holds that; answers "ok"
    dialreset PORT  the same, and resets the connection at once

Prints nothing."""
import fcntl
import select
import socket
import struct
import termios
import threading
import time

CLOSE_WAIT = b"\x08"  # of TCP_INFO


def echo(c):
    with c:
        while data := c.recv(65536):
            c.sendall(data)
        c.shutdown(socket.SHUT_WR)


def drain(c):
    while c.recv(65536):
        pass


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def hold(c):
    """Without reading a byte, until the other end is gone, or has said that it sends no more two seconds ago."""
    p = select.poll()
    p.register(c, select.POLLRDHUP)
    p.poll()
    if c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == CLOSE_WAIT:
        p.register(c, 0)
        p.poll(2000)
    c.close()


def outq(c):
    return struct.unpack("i", fcntl.ioctl(c, termios.TIOCOUTQ, b"\0" * 4))[0]


def dial(c, port, then):
    d = socket.socket(c.family, socket.SOCK_STREAM)
    d.connect((c.getpeername()[0], port) + c.getpeername()[2:])
    then(d)
    c.sendall(b"ok\n")
    drain(c)


def command(c):
    line = b""
    while not line.endswith(b"\n"):
        more = c.recv(1)
        if not more:
            return
        line += more
    word, *arg = line.decode().split()
    n = int(arg[0]) if arg else 0
    if word.startswith("data"):
        c.sendall(bytes(ord("a") + i % 26 for i in range(n)))
    if word in ("hold", "data"):
        hold(c)
    elif word == "echo":
        echo(c)
    elif word in ("fin", "datafin"):
        c.shutdown(socket.SHUT_WR)
        drain(c)
    elif word == "reset":
        reset(c)
    elif word == "datareset":
        while outq(c):
            time.sleep(0.001)
        reset(c)
    elif word == "oob":
        c.sendall(b"ab")
        c.send(b"c", socket.MSG_OOB)
        hold(c)
    elif word == "dial":
        dial(c, n, lambda d: threading.Thread(target=safe, args=(hold, d), daemon=True).start())
    elif word == "dialreset":
        dial(c, n, reset)
    c.close()


def safe(what, c):
    try:
        what(c)
    except OSError:
        c.close()


def udp(port, answers):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("", port))
    while True:
        data, a = s.recvfrom(65536)
        if answers:
            s.sendto(data, a)


def serve(port, what):
    server = socket.create_server(("", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
    while True:
        c, _ = server.accept()
        threading.Thread(target=safe, args=(what, c), daemon=True).start()


threading.Thread(target=udp, args=(7008, True), daemon=True).start()
threading.Thread(target=udp, args=(7010, False), daemon=True).start()
threading.Thread(target=serve, args=(7010, hold), daemon=True).start()
threading.Thread(target=serve, args=(7009, command), daemon=True).start()
serve(7007, echo)
