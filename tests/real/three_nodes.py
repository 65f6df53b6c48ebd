"""A replicated log of three nodes as somebody else would write it: every node listens everywhere at
well-known ports and dials the others at their own addresses. It knows nothing of a harness but the
client protocol. n1 orders, and acknowledges what a majority has. All is in memory.

usage: three_nodes.py ID OWN-IP n1=IP,n2=IP,n3=IP [LISTEN-IP]
"""
import json, socket, sys, threading, time

ME, IP, NODES = sys.argv[1], sys.argv[2], dict(one.split("=") for one in sys.argv[3].split(","))
OTHERS = [node for node in NODES if node != ME]
LISTEN = sys.argv[4] if len(sys.argv) > 4 else "0.0.0.0"
PEER, CLIENT = 7000, 19002
PATIENCE = 0.3

lock = threading.Lock()
changed = threading.Condition(lock)
log, commit = [], 0
acked = {node: 0 for node in OTHERS}
rounds = {node: 0 for node in OTHERS}  # the round of pings that each has answered
current = 0  # the round of pings that is asked for


def say(text):
    print(f"{time.monotonic():.3f} {text}", file=sys.stderr, flush=True)


def lines(connection):
    with connection, connection.makefile("rb") as file:
        for line in file:
            yield json.loads(line)


def send(connection, message):
    connection.sendall(json.dumps(message).encode() + b"\n")


def listen(port, serve):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LISTEN, port))
    listener.listen(64)

    def accept():
        while True:
            connection, address = listener.accept()
            threading.Thread(target=guarded, args=(serve, connection, address), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def guarded(serve, connection, address):
    try:
        serve(connection, address)
    except (OSError, ValueError):
        pass


# ---------------------------------------------------------------- between nodes

def follow(connection, address):
    """Another node asks: take its entries, say how many are here."""
    global commit
    names = {ip: node for node, ip in NODES.items()}
    say(f"accepted {names.get(address[0], address[0])}")
    for message in lines(connection):
        with changed:
            if "entries" in message:
                del log[message["from"]:]
                log.extend(message["entries"])
                commit = min(message["commit"], len(log))
            length = len(log)
        send(connection, {"round": message["round"], "length": length})


def talk(node):
    """Keeps one connection to another node, and says when it falls silent and when it is back."""
    silent = False
    while True:
        try:
            connection = socket.create_connection((NODES[node], PEER), timeout=PATIENCE)
            if connection.getpeername()[0] != NODES[node] or connection.getsockname()[0] != IP:
                say(f"odd names {connection.getsockname()} {connection.getpeername()}")
            with connection, connection.makefile("rb") as file:
                while True:
                    with changed:
                        changed.wait(0.05)
                        message = {"round": current}
                        if ME == "n1":
                            start = acked[node]
                            message |= {"from": start, "entries": log[start:], "commit": commit}
                    send(connection, message)
                    answer = file.readline()
                    if not answer:
                        raise OSError("it closed")
                    answer = json.loads(answer)
                    if silent:
                        say(f"{node} is back")
                    silent = False
                    heard(node, answer)
        except (OSError, ValueError) as error:
            if not silent:
                say(f"{node} is silent: {error}")
            silent = True
            time.sleep(0.05)


def heard(node, answer):
    global commit
    with changed:
        rounds[node] = max(rounds[node], answer["round"])
        if ME == "n1":
            acked[node] = answer["length"]
            majority = sorted([len(log), *acked.values()])[1]
            if majority > commit:
                commit = majority
        changed.notify_all()


# ---------------------------------------------------------------- clients

def wait_for(holds):
    end = time.monotonic() + 2
    while not holds():
        if not changed.wait(end - time.monotonic()) and time.monotonic() >= end:
            return False
    return True


def answer(request):
    global current
    op = request["op"]
    with changed:
        role = "leader" if ME == "n1" else "follower"
        if op == "status":
            return {"ok": {"role": role, "epoch": 1, "leader": "n1", "delivered": commit}}
        local = request.get("level") == "local"
        if ME != "n1" and not local:
            return {"fail": {"error": "not-leader", "leader": "n1"}}
        if op in ("append", "append-if"):
            offset = len(log)
            if request.get("expect", offset) != offset:
                return {"fail": {"error": "conflict"}}
            log.append(request["value"])
            changed.notify_all()
            done = wait_for(lambda: commit > offset)
            return {"ok": {"offset": offset}} if done else {"info": {"error": "timeout"}}
        if op in ("read", "tail"):
            if not local:
                current += 1
                mine = current
                changed.notify_all()
                if not wait_for(lambda: max(rounds.values()) >= mine):
                    return {"info": {"error": "timeout"}}
            if op == "tail":
                return {"ok": {"tail": commit}}
            start, limit = request.get("from", 0), request.get("limit", 1000)
            return {"ok": {"value": log[start:min(commit, start + limit)], "tail": commit}}
        return {"fail": {"error": "refused"}}


def serve(connection, _):
    sending = threading.Lock()

    def one(request):
        reply = answer(request) | {"id": request["id"]}
        with sending:
            try:
                send(connection, reply)
            except OSError:
                pass

    for request in lines(connection):
        threading.Thread(target=one, args=(request,), daemon=True).start()


listen(PEER, follow)
for other in OTHERS:
    threading.Thread(target=talk, args=(other,), daemon=True).start()
listen(CLIENT, serve)
threading.Event().wait()
