#!/usr/bin/env python3
"""httpd.py PORT [ADDRESS]: a threaded HTTP server for tests. GET /N gives N bytes of a fixed stream, PUT and POST answer with the
body's SHA-256, GET /slow/N dribbles. Prints nothing."""
import hashlib
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = b"".join(i.to_bytes(4, "big") for i in range(65536))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        left = int(self.path.strip("/") or "0")
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            n = min(left, len(BLOCK))
            self.wfile.write(BLOCK[:n])
            left -= n

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        h = hashlib.sha256()
        while left:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                break
            h.update(data)
            left -= len(data)
        body = h.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


ADDRESS = sys.argv[2] if len(sys.argv) > 2 else ""
if ":" in ADDRESS:
    Server.address_family = socket.AF_INET6
Server((ADDRESS, int(sys.argv[1])), Handler).serve_forever()
