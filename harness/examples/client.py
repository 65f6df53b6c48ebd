"""A client in Python: Schism starts one for each of its clients.

It is asked on standard input, one JSON object a line, and answers on standard output. This one
talks to toy_log, which speaks the same lines; put your own driver in the place of `ask`.

    system:
      command: ["target/debug/examples/toy_log", "--client", "{client}"]
      client: {command: ["python3", "harness/examples/client.py", "{nodes}"]}
"""
import json, socket, sys

nodes = dict(pair.split("=") for pair in sys.argv[1].split(","))  # n1=127.7.100.1:20003,n2=...
open_to = {}


def ask(node, request):
    if node not in open_to:
        host, port = nodes[node].rsplit(":", 1)
        open_to[node] = socket.create_connection((host, int(port)), timeout=1).makefile("rwb", 0)
    open_to[node].write(json.dumps(request).encode() + b"\n")
    return json.loads(open_to[node].readline())


for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    node = request.pop("node")
    try:
        answer |= ask(node, request)
    except ConnectionRefusedError:
        answer["fail"] = {"error": "unreachable"}  # surely not done: nobody was asked
    except (OSError, ValueError) as error:
        open_to.pop(node, None)
        answer["info"] = {"error": "connection-lost", "detail": str(error)}  # nobody knows
    print(json.dumps(answer), flush=True)
