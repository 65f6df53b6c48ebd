"""A toy of every model that a run can drive, in one file and with nothing but the standard library:
an honest one, and ones that lie. It speaks the line protocol (docs/reference/client-protocol.md).

    system:
      command: [python3, tests/toys/toy.py, --model, kv, --id, "{id}", --client, "{client}",
                --peer, "{peer}", --peers, "{peers}"]

n1 is the primary and holds everything in memory; the others forward to it. Each of them also keeps
a copy of its own, for which it asks n1 again and again, and answers local reads from that. So a
crash of n1 loses what was acknowledged, and the toy is honest only while n1 lives.

--lie NAME (see LIES) breaks one promise, now and then.
"""

import argparse
import json
import socket
import socketserver
import threading
import time
from collections import deque

LIES = {
    "stale-read": "a read answers what was there before (register, kv, counter, set)",
    "lost-write": "a write is acknowledged and forgotten (register, kv, counter)",
    "lost-element": "an add is acknowledged and forgotten (set)",
    "lost-message": "an enqueue is acknowledged and forgotten (queue, total-queue)",
    "duplicated-message": "a message is given out twice (queue, total-queue)",
    "unexpected-message": "a message is given out that nobody put in (total-queue)",
    "two-holders": "a lock is granted though it is held (mutex)",
    "diverge": "followers keep the first they had of each key as their own (register, kv, counter)",
}

NO = "fail"


class Object:
    """One register, key, counter, set, queue or lock: ask(request) is (word, body)."""

    def __init__(self, lies):
        self.lies = lies

    def ask(self, op, request):
        return getattr(self, "do_" + op.replace("-", "_"))(request)

    def copy(self):
        """What a local read finds."""
        return None


class Register(Object):
    def __init__(self, lies):
        super().__init__(lies)
        self.value = self.before = None

    def put(self, value):
        if self.lies("lost-write", 50):
            return
        self.before, self.value = self.value, value

    def do_write(self, request):
        self.put(request["value"])
        return "ok", {}

    def do_read(self, request):
        stale = self.before is not None and self.lies("stale-read", 20)
        return "ok", {"value": self.before if stale else self.value}

    def do_cas(self, request):
        expected, value = request["value"]
        if self.value != expected:
            return NO, {"error": "conflict"}
        self.put(value)
        return "ok", {}

    def copy(self):
        return self.value


class Key(Register):
    do_put, do_get = Register.do_write, Register.do_read

    def do_append(self, request):
        self.put((self.value or "") + request["value"])
        return "ok", {}

    def do_delete(self, request):
        if self.value is None:
            return NO, {"error": "absent"}
        self.put(None)
        return "ok", {}


class Counter(Object):
    def __init__(self, lies):
        super().__init__(lies)
        self.value = 0

    def do_add(self, request):
        if not self.lies("lost-write", 50):
            self.value += request["value"]
        return "ok", {}

    def do_read(self, request):
        behind = 5 if self.value > 5 and self.lies("stale-read", 20) else 0
        return "ok", {"value": self.value - behind}

    def copy(self):
        return self.value


class Set(Object):
    def __init__(self, lies):
        super().__init__(lies)
        self.elements = {}  # a dict keeps the order in which they were added

    def do_add(self, request):
        if request["element"] in self.elements:
            return NO, {"error": "present"}
        if not self.lies("lost-element", 50):
            self.elements[request["element"]] = True
        return "ok", {}

    def do_remove(self, request):
        if self.elements.pop(request["element"], None) is None:
            return NO, {"error": "absent"}
        return "ok", {}

    def do_contains(self, request):
        return "ok", {"value": request["element"] in self.elements}

    def do_read(self, request):
        elements = list(self.elements)
        if elements and self.lies("stale-read", 5):
            elements.pop()
        return "ok", {"value": elements}

    def copy(self):
        return list(self.elements)


class Queue(Object):
    def __init__(self, lies):
        super().__init__(lies)
        self.messages = deque()

    def do_enqueue(self, request):
        if not self.lies("lost-message", 50):
            self.messages.append(request["value"])
        return "ok", {}

    def do_dequeue(self, request):
        if self.lies("unexpected-message", 50):
            return "ok", {"value": "made up"}
        if not self.messages:
            return NO, {"error": "empty"}
        message = self.messages.popleft()
        if self.lies("duplicated-message", 50):
            self.messages.append(message)
        return "ok", {"value": message}

    def do_drain(self, request):
        messages = list(self.messages)
        self.messages.clear()
        return "ok", {"value": messages}


class Lock(Object):
    def __init__(self, lies):
        super().__init__(lies)
        self.held = False

    def do_acquire(self, request):
        if self.held and not self.lies("two-holders", 20):
            return NO, {"error": "held"}
        self.held = True
        return "ok", {}

    def do_release(self, request):
        if not self.held:
            return NO, {"error": "not-held"}
        self.held = False
        return "ok", {}


MODELS = {
    "register": Register,
    "kv": Key,
    "counter": Counter,
    "set": Set,
    "queue": Queue,
    "total-queue": Queue,
    "mutex": Lock,
}


class Node:
    def __init__(self, args):
        self.id, self.make, self.lie = args.id, MODELS[args.model], args.lie
        self.others = dict(other.split("=") for other in args.peers.split(",") if other)
        self.lock = threading.Lock()
        self.objects = {}
        self.copies = {}
        self.boot = time.time()
        self.version = 0
        self.changed = {}  # by key: with which version
        self.asked = 0
        self.links = {}

    def is_primary(self):
        return self.id == "n1"

    def lies(self, lie, one_in):
        """Whether it is time for this lie."""
        if self.lie != lie:
            return False
        self.asked += 1
        return self.asked % one_in == 0

    def object(self, key):
        return self.objects.setdefault(key, self.make(self.lies))

    def answer(self, request):
        op, key = request.get("op"), json.dumps(request.get("key"))
        if op == "status":
            role = "leader" if self.is_primary() else "follower"
            return "ok", {"role": role, "epoch": 1, "leader": "n1"}
        if op not in dir_of(self.make):
            return NO, {"error": "refused", "detail": "no such operation"}
        if request.get("level") == "local" and op in ("read", "get"):
            return "ok", {"value": self.copy(key)}
        if not self.is_primary():
            return self.forward(request)
        with self.lock:
            if op not in ("read", "get", "contains"):
                self.version += 1
                self.changed[key] = self.version
            return self.object(key).ask(op, request)

    def copy(self, key):
        with self.lock:
            if self.is_primary():
                return self.object(key).copy()
            return self.copies.get(key, self.make(self.lies).copy())

    def newer(self, version):
        """What a follower of this version does not have yet."""
        with self.lock:
            keys = [key for key, at in self.changed.items() if at > version]
            copies = {key: self.object(key).copy() for key in keys}
            return {"boot": self.boot, "version": self.version, "copies": copies}

    def follow(self):
        """Asks the primary for what changed, again and again."""
        boot, version = None, 0
        while True:
            word, body = self.forward({"op": "newer", "version": version})
            if word == "ok" and body["boot"] != boot:
                boot, version = body["boot"], 0  # it forgot everything
                with self.lock:
                    self.copies.clear()
            elif word == "ok":
                version = body["version"]
                with self.lock:
                    for key, copy in body["copies"].items():
                        if not (self.lie == "diverge" and key in self.copies):
                            self.copies[key] = copy
            time.sleep(0.02)

    def forward(self, request):
        try:
            answer = self.link("n1").ask(request)
        except OSError:
            self.links.pop((threading.get_ident(), "n1"), None)
            return "info", {"error": "connection-lost"}
        return next((word, answer[word]) for word in ("ok", "fail", "info") if word in answer)

    def link(self, other):
        """A connection of this thread's own, so that nobody waits for anybody."""
        place = (threading.get_ident(), other)
        if place not in self.links:
            self.links[place] = Link(self.others[other])
        return self.links[place]


def dir_of(make):
    return {name[3:].replace("_", "-") for name in dir(make) if name.startswith("do_")}


class Link:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")

    def ask(self, request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        line = self.lines.readline()
        if not line.endswith(b"\n"):
            raise OSError("the connection ended")
        return json.loads(line)


def serve(address, answer):
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            for line in self.rfile:
                try:
                    request = json.loads(line)
                    word, body = answer(request)
                    reply = {"id": request.get("id"), word: body}
                except (ValueError, KeyError, TypeError) as wrong:
                    reply = {"fail": {"error": "malformed", "detail": repr(wrong)}}
                self.wfile.write(json.dumps(reply).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

    host, port = address.rsplit(":", 1)
    server = Server((host, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "id", "client", "peer"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--peers", default="")
    parser.add_argument("--lie", choices=sorted(LIES), default=None)
    node = Node(parser.parse_args())

    def from_peer(request):
        if request.get("op") == "newer":
            return "ok", node.newer(request["version"])
        return node.answer(request)

    args = parser.parse_args()
    serve(args.peer, from_peer)
    serve(args.client, node.answer)
    if not node.is_primary():
        threading.Thread(target=node.follow, daemon=True).start()
    threading.Event().wait()


main()
