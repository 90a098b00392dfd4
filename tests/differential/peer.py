#!/usr/bin/env python3
"""peer.py: the other end of the differential programs: TCP echo on 7007, UDP echo on 7008. Prints nothing."""
import socket
import threading


def echo(c):
    with c:
        while data := c.recv(65536):
            c.sendall(data)
        c.shutdown(socket.SHUT_WR)


def safe(c):
    try:
        echo(c)
    except OSError:
        pass


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 7008))
    while True:
        data, a = s.recvfrom(65536)
        s.sendto(data, a)


threading.Thread(target=udp, daemon=True).start()
server = socket.create_server(("", 7007), backlog=128)
while True:
    c, _ = server.accept()
    threading.Thread(target=safe, args=(c,), daemon=True).start()
