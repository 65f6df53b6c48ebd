"""A log in three nodes of two processes each: `store` keeps it (the one of n1 is asked), `door`
takes clients to it. For the test of system files; it promises what it does and does no more."""

import json
import os
import socket
import socketserver
import sys
import threading

CONF = json.load(open(sys.argv[2])) if len(sys.argv) > 2 else {}
LOCK = threading.Lock()
ENTRIES = []
OPEN = threading.Event()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def store():
    path = os.path.join(CONF["data"], "log.jsonl")
    if os.path.exists(path):
        # The last line may be torn: it was not acknowledged.
        whole = open(path).read().rpartition("\n")[0]
        ENTRIES.extend(json.loads(line) for line in whole.split("\n") if line)
        open(path, "w").write("".join(json.dumps(value) + "\n" for value in ENTRIES))
    if os.path.exists(os.path.join(CONF["data"], "open")):
        OPEN.set()
    log = open(path, "a")

    def append(value):
        log.write(json.dumps(value) + "\n")
        log.flush()
        os.fsync(log.fileno())
        ENTRIES.append(value)
        return {"offset": len(ENTRIES) - 1}

    def answer(asked):
        op = asked["op"]
        if op == "init":
            open(os.path.join(CONF["data"], "open"), "w").write("yes")
            OPEN.set()
            return {"ok": {}}
        if not OPEN.is_set():
            return {"fail": {"error": "overloaded"}}
        with LOCK:
            if op == "append":
                return {"ok": append(asked["value"])}
            if op == "append-if":
                if asked["expect"] != len(ENTRIES):
                    return {"fail": {"error": "conflict", "tail": len(ENTRIES)}}
                return {"ok": append(asked["value"])}
            if op == "read":
                start = asked.get("from", 0)
                end = start + asked.get("limit", 100)
                return {"ok": {"value": ENTRIES[start:end], "tail": len(ENTRIES)}}
            if op == "tail":
                return {"ok": {"tail": len(ENTRIES)}}
        return {"fail": {"error": "malformed"}}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                asked = json.loads(line)
                said = dict(answer(asked), id=asked["id"])
                self.wfile.write((json.dumps(said) + "\n").encode())

    Server(address(CONF["listen"]), Handler).serve_forever()


def ask(line):
    with socket.create_connection(address(CONF["store"]), timeout=5) as stream:
        stream.sendall(line)
        return stream.makefile("rb").readline()


def door():
    me = CONF["me"]
    role = "leader" if me == "n1" else "follower"

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                asked = json.loads(line)
                if asked["op"] == "status":
                    ok = {"role": role, "epoch": 1, "leader": "n1"}
                    said = json.dumps({"id": asked["id"], "ok": ok}) + "\n"
                    self.wfile.write(said.encode())
                    continue
                try:
                    said = ask(line)
                except ConnectionRefusedError:
                    word = {"fail": {"error": "unreachable"}}
                    said = (json.dumps(dict(word, id=asked["id"])) + "\n").encode()
                except OSError:
                    said = b""
                if not said.endswith(b"\n"):
                    word = {"info": {"error": "connection-lost"}}
                    said = (json.dumps(dict(word, id=asked["id"])) + "\n").encode()
                self.wfile.write(said)

    print("the door is open", flush=True)
    Server(address(CONF["door"]), Handler).serve_forever()


if sys.argv[1] == "version":
    print("store 1.0")
elif sys.argv[1] == "init":
    assert json.loads(ask(b'{"id":1,"op":"init"}\n'))["ok"] == {}
elif sys.argv[1] == "leader":
    print(address(CONF["store"])[0])
else:
    {"store": store, "door": door}[sys.argv[1]]()
