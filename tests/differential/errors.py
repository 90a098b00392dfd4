#!/usr/bin/env python3
"""errors.py ERRORS LOG...: prints the matrix of calls and errors that the man pages name, with the number of cases in the
logs that produced each. Fails if one that ERRORS does not excuse was never seen.

A log line counts for every call of ERRORS whose name, or a variant of it, stands before an E... word:
"[tcp4 blocking, fresh] recv PEEK: ENOTCONN; ..."."""
import collections
import re
import sys

VARIANTS = {
    "accept4": "accept",
    "sendto": "send", "sendmsg": "send", "sendmmsg": "send",
    "recvfrom": "recv", "recvmsg": "recv", "recvmmsg": "recv",
    "readv": "read", "writev": "write", "ppoll": "poll", "pselect": "select",
    "epoll_pwait": "epoll_wait", "epoll_pwait2": "epoll_wait", "dup3": "dup2",
}

wanted, excused = {}, {}
for line in open(sys.argv[1]):
    if line.startswith("#") or ":" not in line:
        continue
    call, rest = line.split(":", 1)
    excused[call] = dict(re.findall(r"(E[A-Z0-9]+)\(([^)]*)\)-", rest))
    wanted[call] = [e for e in re.sub(r"\([^)]*\)-", "", rest).split() if e not in excused[call]]

seen = collections.Counter()
for name in sys.argv[2:]:
    for line in open(name, errors="replace"):
        head = re.sub(r"^\[.*?\] ", "", line).split(";")[0]
        errors = re.findall(r"\bE[A-Z0-9]{3,}\b", head)
        words = re.findall(r"\b[a-z][a-z0-9_]+\b", head)
        for call in {VARIANTS.get(w, w) for w in words} & wanted.keys():
            for e in errors:
                seen[call, e] += 1

missing = 0
for call, errors in wanted.items():
    cells = []
    for e in errors:
        missing += not seen[call, e]
        cells.append(f"{e} {seen[call, e] or 'MISSING'}")
    print(f"    {call}: {', '.join(cells)}")
    for e, why in excused[call].items():
        print(f"        not {e}: {why}")
sys.exit(missing > 0)
