"""A register with a REST API, in one process: GET, PUT, and POST to compare and set.

    system:
      command: ["python3", "harness/examples/toy_http.py", "{client}"]
      client:
        name: http
        read: GET /register
        write: PUT /register {value}
        cas: 'POST /register {"from": {from}, "to": {to}}'
        "null": 404
        fail: 409=conflict

`python3 toy_http.py HOST:PORT lie` answers every tenth read from the past.
"""
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

held = []  # every value that was ever written, the newest last
reads = 0
lock = threading.Lock()
lies = "lie" in sys.argv


class Register(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        global reads
        with lock:
            reads += 1
            at = -3 if lies and reads % 10 == 0 and len(held) > 2 else -1
            answer = (200, held[at]) if held else (404, "nothing was written")
        self.answer(*answer)

    def do_PUT(self):
        value = self.body()
        with lock:
            held.append(value)
        self.answer(200)

    def do_POST(self):
        pair = self.body()
        with lock:
            holds = bool(held) and held[-1] == pair["from"]
            if holds:
                held.append(pair["to"])
        self.answer(200 if holds else 409)


host, port = sys.argv[1].rsplit(":", 1)
ThreadingHTTPServer((host, int(port)), Register).serve_forever()
