# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and address are those of lib.sh
# A client with several connections, for tests of a disk that loses what was not flushed. A test
# sources this file after lib.sh.

# client_start EXPORT: run a client without connections
client_start()
{
	rm -f "$tmp/client.in" "$tmp/client.out"
	mkfifo "$tmp/client.in" "$tmp/client.out"
	URI="nbd://$address/$1" nbdsh -c '
import os, sys

all = []

def new():
	h = nbd.NBD()
	h.connect_uri(os.environ["URI"])
	all.append(h)

def act(what, h, i):
	if what == "write":
		h.pwrite(bytes([i + 1]) * 65536, i << 20)
	elif what == "fua":
		h.pwrite(bytes([i + 1]) * 65536, i << 20, nbd.CMD_FLAG_FUA)
	elif what == "read":
		h.pread(65536, i << 20)
	elif what == "flush":
		h.flush()
	elif what == "has" and h.pread(65536, i << 20) != bytes([i + 1]) * 65536:
		return "lost"
	return "ok"

for line in sys.stdin:
	what, i = line.split()
	if what == "end":
		break
	try:
		if what == "new":
			new()
			answer = "ok"
		else:
			answer = act(what, all[int(i)], int(i))
	except nbd.Error as e:
		answer = e.errno
	print(answer, flush=True)
' <"$tmp/client.in" >"$tmp/client.out" 2>>"$tmp/clients" &
	client_pid=$!
	at_exit end_process "$client_pid"
	exec {client_in}>"$tmp/client.in" {client_out}<"$tmp/client.out"
}

# client WHAT I: let connection I do this; $answer is "ok", the name of an error, or "lost" if WHAT
# is "has" and the disk does not have what the connection has written. "new" makes the connection,
# which gets the next number
client()
{
	answer=
	echo "$1 $2" >&"$client_in"
	read -r -t 60 -u "$client_out" answer
}

# gets ANSWER WHAT I: does connection I get this answer?
gets()
{
	client "$2" "$3"
	[ "$answer" = "$1" ] || { echo "$2 of connection $3: $answer in place of $1"; return 1; }
}

# client_end: let it end. An arenad that was started since may have its pipe, too
client_end()
{
	echo "end 0" >&"$client_in"
	exec {client_in}>&- {client_out}<&-
	wait "$client_pid"
}
