"""One node of registers or counters that PySyncObj keeps, with a door for clients: they speak
Schism's line protocol (docs/reference/client-protocol.md).

    node.py --own 127.7.0.1:4321 --door 127.7.0.1:7000 \
            --all n1=127.7.0.1:4321,n2=127.7.0.2:4321,n3=127.7.0.3:4321 --reads log
"""

import argparse
import json
import socketserver

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, SyncObjConsumer, replicated
from pysyncobj.syncobj import SyncObjException

# Of these PySyncObj's documentation says that the command is in no log. After any other reason it
# may have been done.
NOT_DONE = {
    FAIL_REASON.QUEUE_FULL: "overloaded",
    FAIL_REASON.MISSING_LEADER: "refused",
    FAIL_REASON.DISCARDED: "refused",
    FAIL_REASON.REQUEST_DENIED: "refused",
}
# Longer than any client waits.
ANSWER_S_MAX = 5


class Store(SyncObjConsumer):
    """What is replicated: a value by key."""

    def __init__(self):
        super().__init__()
        self.values = {}

    @replicated
    def write(self, key, value):
        self.values[key] = value

    @replicated
    def cas(self, key, expected, value):
        if self.values.get(key) != expected:
            return False
        self.values[key] = value
        return True

    @replicated
    def add(self, key, amount):
        self.values[key] = self.values.get(key, 0) + amount

    @replicated
    def read_in_log(self, key, default):
        return self.values.get(key, default)

    def read_here(self, key, default):
        return self.values.get(key, default)


class Node:
    def __init__(self, args):
        self.names = {address: name for name, address in (n.split("=") for n in args.all.split(","))}
        self.default = 0 if args.model == "counter" else None
        self.reads = args.reads
        self.store = Store()
        others = [address for address in self.names if address != args.own]
        # A journal alone would forget what a compaction took out of it: the dump has that.
        conf = SyncObjConf(journalFile="journal", fullDumpFile="dump",
                           logCompactionMinEntries=args.compact_at)
        self.raft = SyncObj(args.own, others, conf, consumers=[self.store])

    def answer(self, request):
        op, key = request["op"], json.dumps(request.get("key"))
        if op == "status":
            return "ok", self.status()
        if op == "read" and "local" in (self.reads, request.get("level")):
            return "ok", {"value": self.store.read_here(key, self.default)}
        if op == "read":
            return self.done(self.store.read_in_log, key, self.default)
        if op == "write":
            return self.done(self.store.write, key, request["value"])
        if op == "add":
            return self.done(self.store.add, key, request["value"])
        if op == "cas":
            word, body = self.done(self.store.cas, key, *request["value"])
            return ("fail", {"error": "conflict"}) if body.get("value") is False else (word, body)
        return "fail", {"error": "refused", "detail": "no such operation"}

    def done(self, command, *values):
        """Sends a command through the log, once."""
        try:
            return "ok", {"value": command(*values, sync=True, timeout=ANSWER_S_MAX)}
        except SyncObjException as said:
            detail = str(said.errorCode)
            if said.errorCode in NOT_DONE:
                return "fail", {"error": NOT_DONE[said.errorCode], "detail": detail}
            return "info", {"error": "server-error", "detail": detail}

    def status(self):
        leader = self.raft._getLeader()
        return {
            "role": "leader" if self.raft._isLeader() else "follower",
            "epoch": self.raft.raftCurrentTerm,
            "leader": self.names.get(leader.id) if leader else None,
        }


def serve(address, answer):
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            for line in self.rfile:
                request = json.loads(line)
                word, body = answer(request)
                reply = {"id": request["id"], word: body}
                self.wfile.write(json.dumps(reply).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

    host, port = address.rsplit(":", 1)
    Server((host, int(port)), Handler).serve_forever()


def main():
    parser = argparse.ArgumentParser()
    for name in ("own", "door", "all"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--model", choices=["register", "counter"], default="register")
    parser.add_argument("--reads", choices=["local", "log"], default="log")
    parser.add_argument("--compact-at", type=int, default=5000)
    args = parser.parse_args()
    serve(args.door, Node(args).answer)


main()
