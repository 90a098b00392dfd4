#!/usr/bin/env python3
"""Runs the figures of scripts/bench, which sets up what is named in the environment (BENCH_*).

Each figure is a function that measures one side once: "kernel" or "us". The sides take turns
(A B A B); shown are the medians, in brackets the least and the most, and the ratio of the medians
with the least and the most ratio of a pair of neighbours.
"""
import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["BENCH_BUILD"]
TMP = os.environ["BENCH_TMP"]
HOST_IP, STACK_IP = "10.77.0.1", "10.77.0.2"
PINGPONG = BUILD + "/tests/bench/pingpong"
DATAGRAMS = BUILD + "/tests/bench/datagrams"
IDLE = BUILD + "/tests/bench/idle_conns"

FIGURES = []


class Fail(Exception):
    pass


class Wire:
    """Two namespaces joined by veth: `stack` has the end under test, `host` the other one."""

    def __init__(self, tb):
        self.stack, self.host = tb + "-stack", tb + "-host"


WIRES = {name: Wire(os.environ["BENCH_TB_" + name.upper()])
         for name in ("us", "kernel", "both", "us_plain", "kernel_plain", "both_plain")
         if "BENCH_TB_" + name.upper() in os.environ}


def command(wire, end, cmd, under=None, extra=()):
    """cmd in that end's namespace; under: the address it has on our stack."""
    ns = wire.stack if end == "stack" else wire.host
    out = ["ip", "netns", "exec", ns]
    if under:
        out += [BUILD + "/userstack", "run", "-i", "us0" if end == "stack" else "kh0",
                "-4", under + "/24", "-6", "none", *extra, "--"]
    return out + list(cmd)


class Proc:
    """A process with its output in files; cpu_s after wait()."""

    def __init__(self, cmd, stdin=subprocess.DEVNULL):
        self.out = tempfile.TemporaryFile(dir=TMP)
        self.err = tempfile.TemporaryFile(dir=TMP)
        self.cmd, self.cpu_s = cmd, 0.0
        self.p = subprocess.Popen(cmd, stdin=stdin, stdout=self.out, stderr=self.err)

    def text(self):
        self.out.seek(0)
        return self.out.read().decode(errors="replace")

    def wait(self, limit_s=120, check=True):
        end = time.monotonic() + limit_s
        while True:
            pid, status, usage = os.wait4(self.p.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.p.kill()
                os.wait4(self.p.pid, 0)
                raise Fail("no end after %d s: %s" % (limit_s, " ".join(self.cmd)))
            time.sleep(0.005)
        self.p.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = usage.ru_utime + usage.ru_stime
        if check and self.p.returncode:
            self.err.seek(0)
            raise Fail("%s: %s %s" % (" ".join(self.cmd), self.err.read().decode(errors="replace"),
                                      self.text()[-300:]))
        return self.text()

    def stop(self):
        if self.p.returncode is None:
            self.p.terminate()
            self.wait(20, check=False)


def wait_for(what, fn, limit_s=15):
    end = time.monotonic() + limit_s
    while not fn():
        if time.monotonic() > end:
            raise Fail("waited in vain for " + what)
        time.sleep(0.01)


def listening(wire, end, port, under):
    ns = wire.stack if end == "stack" else wire.host
    if under:
        cmd = ["ip", "netns", "exec", ns, BUILD + "/userstack", "ss"]
        want = r":%d\b" % port
    else:
        cmd = ["ip", "netns", "exec", ns, "ss", "-Hlntu", "sport = :%d" % port]
        want = r":%d\b" % port
    out = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         check=False).stdout
    return re.search(want, out) is not None


def serve(wire, end, port, cmd, under=None, extra=()):
    p = Proc(command(wire, end, cmd, under, extra))
    try:
        wait_for("port %d" % port, lambda: listening(wire, end, port, under))
    except Fail:
        p.stop()
        p.err.seek(0)
        raise Fail("%s: %s" % (" ".join(cmd), p.err.read().decode(errors="replace"))) from None
    return p


def figure(name, unit, goal, better="more", quick=False):
    def put(fn):
        FIGURES.append({"name": name, "unit": unit, "goal": goal, "better": better,
                        "quick": quick, "fn": fn})
        return fn
    return put


# --- streams

def iperf(wire, us_host, us_stack, args, reverse):
    """Gbit/s, CPU seconds a GB of both ends."""
    server = serve(wire, "host", 5201, ["iperf3", "-s", "-1"], HOST_IP if us_host else None)
    try:
        client = Proc(command(wire, "stack", ["iperf3", "-c", HOST_IP, "-t", str(ARGS.secs), "-J",
                                              *args, *(["-R"] if reverse else [])],
                              STACK_IP if us_stack else None))
        result = json.loads(client.wait())
        server.wait(30)
    finally:
        server.stop()
    got = result["end"]["sum_received"]
    gbytes = got["bytes"] / 1e9
    return got["bits_per_second"] / 1e9, (client.cpu_s + server.cpu_s) / gbytes


def stream(side, args, reverse, both, plain=False):
    suffix = "_plain" if plain else ""
    if side == "kernel":
        return iperf(WIRES["kernel" + suffix], False, False, args, reverse)
    if both:
        return iperf(WIRES["both" + suffix], True, True, args, reverse)
    return iperf(WIRES["us" + suffix], False, True, args, reverse)


for _n, _args, _goals in (("one stream", [], (2.0, 1.0, 2.0)),
                          ("8 streams", ["-P", "8"], (1.5, 1.0, 1.5))):
    for _way, _reverse, _both, _goal in (("us -> kernel", False, False, _goals[0]),
                                         ("kernel -> us", True, False, _goals[1]),
                                         ("us -> us", False, True, _goals[2])):
        figure("TCP %s, %s" % (_n, _way), "Gbit/s", _goal,
               quick=_n == "one stream" and not _both)(
            lambda side, a=_args, r=_reverse, b=_both: stream(side, a, r, b)[0])
for _way, _reverse, _both, _goal in (("us -> kernel", False, False, 1.0),
                                     ("kernel -> us", True, False, 1.0),
                                     ("us -> us", False, True, 1.2)):
    figure("TCP, offloads off, %s" % _way, "Gbit/s", _goal)(
        lambda side, r=_reverse, b=_both: stream(side, [], r, b, True)[0])
for _way, _reverse, _goal in (("us -> kernel", False, 0.8), ("kernel -> us", True, 1.0)):
    figure("CPU a GB, both ends, %s" % _way, "s", _goal, "less")(
        lambda side, r=_reverse: stream(side, [], r, False)[1])


# --- round trips

def trips(side, flags, both, field):
    wire = WIRES["kernel" if side == "kernel" else "both" if both else "us"]
    us = side == "us"
    spin = ["--spin-us", "1000"] if us and "-s" in flags else []
    server = serve(wire, "host", 7777, [PINGPONG, *flags, "server", "7777"],
                   HOST_IP if us and both else None, spin)
    try:
        out = Proc(command(wire, "stack", [PINGPONG, *flags, "client", HOST_IP, "7777",
                                           str(ARGS.trips)], STACK_IP if us else None,
                           spin)).wait(60)
    finally:
        server.stop()
    return float(out.split()[{"p50": 1, "p99": 3}[field]])


for _proto, _u in (("TCP", []), ("UDP", ["-u"])):
    for _how, _s in (("spinning", ["-s"]), ("sleeping", [])):
        for _who, _both in (("us-kernel", False), ("us-us", True)):
            _goal = {("spinning", False): 1.15, ("spinning", True): 2.0}.get((_how, _both), 1.0)
            if _proto == "UDP":
                _goal = {("spinning", True): 1.5}.get((_how, _both), 1.0)
            for _field in ("p50", "p99"):
                figure("%s round trip, %s, %s, %s" % (_proto, _how, _who, _field), "us",
                       1 / _goal if _field == "p50" else None, "less",
                       quick=_proto == "TCP" and _how == "sleeping" and not _both)(
                    lambda side, f=_u + _s, b=_both, w=_field: trips(side, f, b, w))


# --- datagrams

def datagrams(side, way, length, segment, unit):
    wire = WIRES["us" if side == "us" else "kernel"]
    us = side == "us"
    out = way == "out"
    r_end, s_end = ("host", "stack") if out else ("stack", "host")
    gro = ["-g"] if segment else []
    r = serve(wire, r_end, 7800, [DATAGRAMS, *gro, "recv", "7800", str(ARGS.secs)],
              STACK_IP if us and not out else None)
    try:
        s = Proc(command(wire, s_end, [DATAGRAMS, "send", HOST_IP if out else STACK_IP, "7800",
                                       str(ARGS.secs + 0.5), str(length),
                                       *([str(segment)] if segment else [])],
                         STACK_IP if us and out else None))
        text = r.wait(60)
        s.wait(60)
    finally:
        r.stop()
    m = re.match(r"(\d+) datagrams/s, (\d+) bytes/s", text)
    if not m:
        raise Fail("datagrams: nothing came")
    return float(m.group(1)) / 1e3 if unit == "k/s" else float(m.group(2)) * 8 / 1e9


for _way in ("out", "in"):
    figure("UDP datagrams of 64 bytes, %s" % _way, "k/s", 1.0)(
        lambda side, w=_way: datagrams(side, w, 64, 0, "k/s"))
    figure("UDP, USO/GRO, %s" % _way, "Gbit/s", 1.2)(
        lambda side, w=_way: datagrams(side, w, 1472 * 40, 1472, "Gbit/s"))


# --- servers

def cpu_of(pid):
    """utime + stime of the process and its children that are gone, in seconds."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def nginx_conf():
    path = TMP + "/nginx.conf"
    www = TMP + "/www"
    if not os.path.exists(path):
        os.mkdir(www)
        os.chmod(www, 0o755)
        with open(www + "/small", "wb") as f:
            f.write(b"x" * 1024)
        with open(www + "/one", "wb") as f:
            f.write(b"x")
        with open(www + "/big", "wb") as f:
            f.truncate(2 << 30)
        with open(path, "w", encoding="utf-8") as f:
            f.write("daemon off; master_process off; user root; pid %(t)s/nginx.pid; "
                    "error_log %(t)s/nginx.log; worker_rlimit_nofile 4096;\n"
                    "events { worker_connections 2048; }\n"
                    "http { access_log off; sendfile on; keepalive_requests 1000000;\n"
                    "  client_body_temp_path %(t)s/n1; proxy_temp_path %(t)s/n2;\n"
                    "  fastcgi_temp_path %(t)s/n3; uwsgi_temp_path %(t)s/n4;\n"
                    "  scgi_temp_path %(t)s/n5;\n"
                    "  server { listen 80; root %(w)s; } }\n" % {"t": TMP, "w": www})
    return path


def web(side, header):
    """Requests a second, server CPU microseconds a request, generator's share of a core."""
    wire = WIRES["us" if side == "us" else "kernel"]
    n = serve(wire, "stack", 80, ["nginx", "-c", nginx_conf()], STACK_IP if side == "us" else None)
    try:
        url = "http://%s/small" % STACK_IP
        before = cpu_of(n.p.pid)
        gen = Proc(command(wire, "host", ["wrk", "-t1", "-c64", "-d%ds" % ARGS.secs, *header, url]))
        start = time.monotonic()
        text = gen.wait(60)
        took = time.monotonic() - start
        cpu = cpu_of(n.p.pid) - before
    finally:
        n.stop()
    if re.search("Socket errors|Non-2xx", text):
        raise Fail("wrk: " + text)
    cnt = int(re.search(r"(\d+) requests in", text).group(1))
    return cnt / took, cpu / cnt * 1e6, gen.cpu_s / took


for _what, _header, _goal, _cpu_goal in (
        ("keep-alive", [], 1.2, 0.7),
        ("a connection a request", ["-H", "Connection: close"], 1.1, 0.8)):
    figure("nginx, 1 KB, %s" % _what, "requests/s", _goal)(
        lambda side, h=_header: web(side, h)[0])
    figure("nginx, 1 KB, %s: server CPU a request" % _what, "us", _cpu_goal, "less")(
        lambda side, h=_header: web(side, h)[1])


def redis(side, pipeline, op, what):
    wire = WIRES["us" if side == "us" else "kernel"]
    r = serve(wire, "stack", 6379, ["redis-server", "--port", "6379", "--bind", STACK_IP, "--save",
                                    "", "--appendonly", "no", "--protected-mode", "no", "--dir",
                                    TMP], STACK_IP if side == "us" else None)
    try:
        n = 40000 * (4 if pipeline > 1 else 1) * (1 if ARGS.quick else 3)
        before = cpu_of(r.p.pid)
        text = Proc(command(wire, "host", ["redis-benchmark", "-h", STACK_IP, "-t", op, "-n", str(n),
                                           "-c", "50", "-P", str(pipeline), "--csv"])).wait(60)
        cpu = cpu_of(r.p.pid) - before
    finally:
        r.stop()
    rate = float(re.search(r'^"%s","([0-9.]+)"' % op.upper(), text, re.M).group(1))
    return rate if what == "rate" else cpu / n * 1e6


for _p, _goal, _cpu_goal in ((1, 1.2, 0.7), (16, 1.1, 0.9)):
    for _op in ("get", "set"):
        figure("redis %s -P%d" % (_op.upper(), _p), "requests/s", _goal)(
            lambda side, p=_p, o=_op: redis(side, p, o, "rate"))
    figure("redis GET -P%d: server CPU a request" % _p, "us", _cpu_goal, "less")(
        lambda side, p=_p: redis(side, p, "get", "cpu"))


# --- clients

def curl(side, path, what):
    wire = WIRES["us" if side == "us" else "kernel"]
    n = serve(wire, "host", 80, ["nginx", "-c", nginx_conf()])
    try:
        c = Proc(command(wire, "stack", ["curl", "-sS", "-o", "/dev/null",
                                         "http://%s/%s" % (HOST_IP, path)],
                         STACK_IP if side == "us" else None))
        start = time.monotonic()
        c.wait(60)
        took = time.monotonic() - start
    finally:
        n.stop()
    return {"s": took, "ms": took * 1e3, "cpu": c.cpu_s}[what]


figure("curl of 2 GB", "s", 1.0, "less")(lambda side: curl(side, "big", "s"))
figure("curl of 2 GB: its CPU", "s", 0.9, "less")(lambda side: curl(side, "big", "cpu"))
figure("curl of 1 byte, start to end", "ms", None, "less")(lambda side: curl(side, "one", "ms"))


# --- memory

def slab_kb():
    """What TCP connections and their files take in the kernel."""
    total = 0
    names = ("TCP", "TCPv6", "tw_sock_TCP", "request_sock_TCP", "sock_inode_cache", "filp",
             "dentry", "lsm_file_cache", "lsm_inode_cache", "skbuff_head_cache", "tcp_bind_bucket")
    with open("/proc/slabinfo", encoding="utf-8") as f:
        for line in f:
            v = line.split()
            if v[0] in names:
                total += int(v[1]) * int(v[3])
    return total / 1024


def idle(side):
    """KB a connection of the server's end, kernel memory of both ends halved."""
    wire = WIRES["us" if side == "us" else "kernel"]
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100
    cnt = min(2000 if ARGS.quick else 20000, room)
    pipe = subprocess.PIPE
    before = slab_kb()
    server = Proc(command(wire, "stack", [IDLE, "server", "7900", str(cnt)],
                          STACK_IP if side == "us" else None), stdin=pipe)
    try:
        wait_for("port 7900", lambda: listening(wire, "stack", 7900, side == "us"))
        client = Proc(command(wire, "host", [IDLE, "client", STACK_IP, "7900", str(cnt)]),
                      stdin=pipe)
        wait_for("connections", lambda: "rss" in server.text(), 120)
        kernel = slab_kb() - before
        client.p.stdin.close()
        client.wait(60)
        server.p.stdin.close()
        text = server.wait(60)
    finally:
        server.stop()
    rss = re.search(r"rss (\d+) (\d+)", text)
    own = int(rss.group(2)) - int(rss.group(1))
    # On the kernel's side both ends live in the same slabs; under us only the client's do.
    return ((kernel / 2 if side == "kernel" else 0) + own) / cnt


figure("idle connection, memory", "KB", 0.25, "less")(idle)


# --- the run

def show(v):
    digits = 0 if min(v) >= 1000 else 1 if min(v) >= 30 else 2
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(v), digits, min(v), digits, max(v))


def verdict(f, ratio):
    if f["goal"] is None:
        return ""
    ok = ratio >= f["goal"] if f["better"] == "more" else ratio <= f["goal"]
    return "%s %.2f%s" % (">=" if f["better"] == "more" else "<=", f["goal"], "" if ok else " short")


def plot(results, path):
    """Bars of the ratios, drawn by gnuplot."""
    data = path + ".data"
    with open(data, "w", encoding="utf-8") as f:
        for r in results:
            good = r["ratio"] if r["better"] == "more" else 1 / r["ratio"]
            f.write('"%s" %.3f\n' % (r["name"].replace('"', ""), good))
    script = """
set terminal svg size 900,%d font "sans,11"
set output "%s"
set style fill solid 0.7
set xrange [0:*]
set yrange [%d:-1] 
set ytics nomirror
set grid xtics
set title "userstack against the kernel: how many times as good (1: alike)"
set arrow from 1,-1 to 1,%d nohead dt 2
unset key
set lmargin 52
plot "%s" using ($2/2):0:($2/2):(0.35):ytic(1) with boxxyerror lc rgb "#3070b0"
""" % (80 + 22 * len(results), path, len(results), len(results), data)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    os.unlink(data)


def main():
    global ARGS
    ap = argparse.ArgumentParser(prog="bench")
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--only", default="")
    ap.add_argument("--rounds", type=int, default=0)
    ap.add_argument("--json")
    ap.add_argument("--svg")
    ARGS = ap.parse_args()
    ARGS.secs = 2 if ARGS.quick else 4
    ARGS.trips = 10000 if ARGS.quick else 20000
    rounds = ARGS.rounds or (3 if ARGS.quick else 5)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    chosen = [f for f in FIGURES if (re.search(ARGS.only, f["name"]) if ARGS.only else
                                     f["quick"] or not ARGS.quick)]
    if not chosen:
        sys.exit("bench: no figure has %s in its name" % ARGS.only)
    print("%-52s %26s %26s  %s" % ("%d rounds" % rounds, "kernel", "userstack", "ratio"))
    results, bad = [], 0
    for f in chosen:
        v = {"kernel": [], "us": []}
        try:
            for _ in range(rounds):
                for side in ("kernel", "us"):
                    v[side].append(f["fn"](side))
        except (Fail, OSError, ValueError, AttributeError) as e:
            print("%-52s no figure: %s" % (f["name"], str(e).strip()[:300]), flush=True)
            bad += 1
            continue
        ratio = statistics.median(v["us"]) / statistics.median(v["kernel"])
        pairs = [a / b for a, b in zip(v["us"], v["kernel"])]
        print("%-52s %26s %26s  %.2f (%.2f-%.2f) %s" % (
            "%s, %s" % (f["name"], f["unit"]), show(v["kernel"]), show(v["us"]), ratio, min(pairs),
            max(pairs), verdict(f, ratio)), flush=True)
        results.append({"name": f["name"], "unit": f["unit"], "better": f["better"],
                        "goal": f["goal"], "ratio": ratio, **v})
    if ARGS.json:
        with open(ARGS.json, "w", encoding="utf-8") as out:
            json.dump(results, out, indent=1)
    if ARGS.svg and results:
        plot(results, ARGS.svg)
    return 1 if bad else 0


ARGS = None
if __name__ == "__main__":
    sys.exit(main())
