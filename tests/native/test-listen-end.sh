#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when arenad ends, clients that wait to be accepted hear of it at once, and not when the last
# process has ended that has the socket; also if it has adopted its processes.
# Method: the network processes are stopped, so a client waits until arenad kills them, or is refused.
# shellcheck disable=SC2154 # status is set by lib.sh
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires python3

# The client connects, has arenad end, and says whether the network processes were still there when
# its connection ended.
cat >"$tmp/waits.py" <<'PYTHON'
import os, signal, socket, sys

port, arenad, *nps = map(int, sys.argv[1:])
clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(8)]
os.kill(arenad, signal.SIGTERM)
for s in clients:
    try:
        if s.recv(1):
            sys.exit("a client was served")
    except ConnectionResetError:
        pass

def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "none"

print(*[state(pid) for pid in nps])
PYTHON

# all_are_stopped PID...: have the processes taken SIGSTOP?
all_are_stopped()
{
	local pid

	for pid; do
		grep -q '^State:[[:space:]]*T' "/proc/$pid/status" || return 1
	done
}

# ends_for ARGUMENT...: what the client says of an arenad with these arguments
ends_for()
{
	local nps

	arenad_start --disk "d=$(disk d 4M)" "$@"
	kill_arenad
	arenad_start --disk "d=$(disk d 4M)" "$@"
	read -ra nps < <(children arena-np | xargs)
	kill -STOP "${nps[@]}"
	wait_for 30 all_are_stopped "${nps[@]}"
	python3 "$tmp/waits.py" "${address##*:}" "$arenad_pid" "${nps[@]}" 2>&1
	kill -CONT "${nps[@]}" 2>/dev/null
	arenad_wait
}

is "clients in the queue of a socket are refused before the processes have ended" \
	"$(ends_for)" "T T"
is "clients in the queues of sockets with one address are refused before the processes have ended" \
	"$(ends_for --reuse-port)" "T T"
done_testing
