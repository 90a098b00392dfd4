#!/usr/bin/env python3
"""both.py MODE PORT: a server on the wildcard address that says "MODE" to whoever comes, by each way of waiting; or, with MODE
"talk", one datagram socket that asks two echo servers, 127.0.0.1:PORT and 10.77.0.1:PORT."""
import select
import selectors
import socket
import sys

mode, port = sys.argv[1], int(sys.argv[2])


def talk():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    ports = set()
    for ip in ("127.0.0.1", "10.77.0.1", "127.0.0.1", "10.77.0.1"):
        s.sendto(ip.encode(), (ip, port))
        data, a = s.recvfrom(100)
        assert a == (ip, port), a
        mine, seen = data.decode().rsplit(" ", 1)
        assert mine == ip
        ports.add(seen)
    assert ports == {str(s.getsockname()[1])}, ports
    print("one port, both worlds")


def echo():
    """The other end of talk: what came, and from which port."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[3], port))
    while True:
        data, a = s.recvfrom(100)
        s.sendto(data + f" {a[1]}".encode(), a)


def waits(s):
    """Yields when the socket is readable, by the poller that the mode names."""
    if "epoll" in mode:
        e = select.epoll()
        e.register(s, select.EPOLLIN | (select.EPOLLET if mode.startswith("et") else 0))
        s.setblocking(False)
        while True:
            e.poll()
            yield
    elif "poll" in mode or "select" in mode:
        p = selectors.PollSelector() if "poll" in mode else selectors.SelectSelector()
        p.register(s, selectors.EVENT_READ)
        s.setblocking(False)
        while True:
            p.select()
            yield
    while True:
        yield


def serve():
    udp = mode.startswith("udp")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    if not udp:
        s.listen()
    for _ in waits(s):
        try:
            while True:
                if udp:
                    _, a = s.recvfrom(100)
                    s.sendto(mode.encode(), a)
                else:
                    c, _ = s.accept()
                    c.sendall(mode.encode())
                    c.close()
        except BlockingIOError:
            pass


{"talk": talk, "echo": echo}.get(mode, serve)()
