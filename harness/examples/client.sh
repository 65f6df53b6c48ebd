#!/usr/bin/env bash
# A client in the shell: Schism starts one for each of its clients.
#
# It is asked on standard input, one JSON object a line, and answers on standard output. This one
# talks to toy_log, which speaks the same lines; put your own command (curl, psql, ...) in the place
# of `ask`. It opens a connection for each operation, and waits a second for the answer.
#
#   system:
#     command: ["target/debug/examples/toy_log", "--client", "{client}"]
#     client: {command: ["bash", "harness/examples/client.sh", "{nodes}"]}
nodes=$1 # n1=127.7.100.1:20003,n2=...

# Prints the node's answer. 1: it could not be asked; 2: nobody knows.
ask() {
  local host=$1 port=$2 request=$3 link answer
  { exec {link}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
  printf '%s\n' "$request" >&"$link" 2>/dev/null
  IFS= read -r -t 1 answer <&"$link" || answer=
  exec {link}>&-
  [[ $answer == *"}" ]] || return 2
  printf '%s\n' "$answer"
}

while IFS= read -r line; do
  [[ $line =~ \"id\":([0-9]+) ]] && id=${BASH_REMATCH[1]}
  [[ $line =~ ,\"node\":\"(n[0-9]+)\" ]] && node=${BASH_REMATCH[1]}
  [[ ,$nodes =~ ,$node=([^:]+):([0-9]+) ]] && host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
  # Without the name of the node. The answer carries the same id.
  ask "$host" "$port" "${line/,\"node\":\"$node\"/}"
  case $? in
    1) echo "{\"id\":$id,\"fail\":{\"error\":\"unreachable\"}}" ;;    # surely not done: nobody was asked
    2) echo "{\"id\":$id,\"info\":{\"error\":\"connection-lost\"}}" ;; # nobody knows
  esac
done
