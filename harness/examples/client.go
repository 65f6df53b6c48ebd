// A client in Go: Schism starts one for each of its clients.
//
// It is asked on standard input, one JSON object a line, and answers on standard output. This one
// talks to toy_log, which speaks the same lines; put your own driver in the place of ask.
//
//	go build -o client client.go
//
//	system:
//	  command: ["target/debug/examples/toy_log", "--client", "{client}"]
//	  client: {command: ["./client", "{nodes}"]}
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

const patience = time.Second

// Fields are handed on as they are written, so that no number is rounded.
type object map[string]json.RawMessage

type link struct {
	conn   net.Conn
	reader *bufio.Reader
}

var (
	nodes = map[string]string{} // n1: 127.7.100.1:20003, ...
	links = map[string]link{}
)

// ask carries one request to a node and returns its answer, a line of JSON.
func ask(node string, request object) (answer object, err error) {
	to, open := links[node]
	if !open {
		conn, err := net.DialTimeout("tcp", nodes[node], patience)
		if err != nil {
			return nil, err
		}
		to = link{conn, bufio.NewReader(conn)}
		links[node] = to
	}
	to.conn.SetDeadline(time.Now().Add(patience))
	line, _ := json.Marshal(request)
	if _, err = to.conn.Write(append(line, '\n')); err == nil {
		if line, err = to.reader.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &answer)
		}
	}
	if err != nil {
		to.conn.Close()
		delete(links, node)
	}
	return answer, err
}

func main() {
	for _, pair := range strings.Split(os.Args[1], ",") {
		node, address, _ := strings.Cut(pair, "=")
		nodes[node] = address
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var request object
		var node string
		json.Unmarshal(lines.Bytes(), &request)
		json.Unmarshal(request["node"], &node)
		id := request["id"]
		delete(request, "node")
		answer, err := ask(node, request)
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNREFUSED): // surely not done: nobody was asked
			answer = object{"fail": json.RawMessage(`{"error":"unreachable"}`)}
		default: // nobody knows
			detail, _ := json.Marshal(map[string]string{"error": "connection-lost", "detail": err.Error()})
			answer = object{"info": detail}
		}
		answer["id"] = id
		out.Encode(answer)
	}
}
