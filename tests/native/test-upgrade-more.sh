#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: SIGUSR2 also puts an arenad in the place of one that was started with --replace, or whose
# socket was passed to it, and clients see nothing. One whose keeper ends meanwhile goes on.
# shellcheck disable=SC2154 # status is set by lib.sh
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires nbdinfo python3

one=$(disk one 64M)
two=$(disk two 64M)
mkdir "$tmp/bin"
cp "$BUILD/arenad" "$tmp/bin/arenad"
PATH=$tmp/bin:$PATH
common=(--disk "one=$one" --disk "two=$two" --bindir "$BUILD")

# np_ids: print the numbers of both network processes and their processes
np_ids() { echo "$(np 0) $(np 1)"; }

# nps_are_new: do both network processes run, as others than $before?
nps_are_new()
{
	local pid

	[ "$(children arena-np | wc -l)" = 2 ] || return 1
	for pid in $(children arena-np); do
		[[ " $before " != *" $pid "* ]] || return 1
	done
}

# client_goes: does the client that is connected since before get an answer?
client_goes()
{
	local answer

	echo size >&"${client[1]}" && read -r -t 20 answer <&"${client[0]}" && [ "$answer" = good ]
}

# A client that stays: for each line it reads a block, and says whether that is what it should be.
cat >"$tmp/client.py" <<'PYTHON'
import socket, struct, sys

s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=15)

def take(n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            sys.exit(1)
        data += more
    return data

take(18)
s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 3) + b"one")
take(10)
for line in sys.stdin:
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 7, 0, 4096))
    magic, error, cookie = struct.unpack(">IIQ", take(16))
    good = magic == 0x67446698 and not error and cookie == 7 and take(4096) == bytes(4096)
    print("good" if good else "bad", flush=True)
PYTHON
client_start()
{
	coproc client { exec python3 "$tmp/client.py" "${address##*:}"; }
	at_exit end_process "$client_PID"
	client_goes
}

# upgrades NAME: SIGUSR2 replaces this arenad and its network processes, and clients see nothing
upgrades()
{
	before=$(np_ids)
	: >"$tmp/log"
	kill -USR2 "$arenad_pid"
	ok "SIGUSR2 makes an arenad $1 adopt its processes" \
		wait_for 20 says "has adopted region test and 4 processes"
	ok "both network processes of an arenad $1 are replaced" wait_for 60 nps_are_new
	ok "new clients are served by an arenad $1 after SIGUSR2" still_served
	ok "a client of an arenad $1 has kept its connection over SIGUSR2" client_goes
	ok "an arenad $1 has one keeper after SIGUSR2" wait_for 20 has_keeper
}

# ends NAME: arenad ends well
ends()
{
	arenad_stop
	is "an arenad $1 ends with status 0 after SIGUSR2" "$status" 0
	is "an arenad $1 leaves no process after SIGUSR2" "$(processes_left)" ""
}

arenad_start "${common[@]}" --replace
ok "a client is served by an arenad with --replace" client_start
upgrades "with --replace"

# The new version is asked while the keeper ends.
printf '#!/bin/sh\ntouch %q\nread -r line <%q\nexit 0\n' "$tmp/asked" "$tmp/answer" >"$tmp/waits"
mkfifo "$tmp/answer"
chmod 755 "$tmp/waits"
cp "$tmp/waits" "$tmp/bin/.new"
mv "$tmp/bin/.new" "$tmp/bin/arenad"
: >"$tmp/log"
before=$(workers)
kill -USR2 "$arenad_pid"
wait_for 20 test -e "$tmp/asked"
killed=$(keeper)
kill -KILL "$killed"
wait_for 10 gone "$killed"
echo >"$tmp/answer"
ok "arenad goes on if its keeper ends while the other version is asked" \
	wait_for 20 says "this arenad goes on"
ok "arenad starts another keeper after that" wait_for 20 says "another one is started"
is "arenad has the same processes after that" "$(workers)" "$before"
ok "a client is served after that" client_goes
ends "with --replace"

# The manager of a socket passes it as descriptor 3, and ends with the status of arenad.
cat >"$tmp/pass.py" <<'PYTHON'
import os, socket, sys

s = socket.create_server(("127.0.0.1", 0))
if s.fileno() == 3:
    os.set_inheritable(3, True)
else:
    os.dup2(s.fileno(), 3)
os.execvp(sys.argv[1], sys.argv[1:])
PYTHON
cp "$BUILD/arenad" "$tmp/bin/.new"
mv "$tmp/bin/.new" "$tmp/bin/arenad"
: >"$tmp/log"
: >"$tmp/out"
python3 "$tmp/pass.py" "$tmp/bin/arenad" --region test --backend memfd --size 512M --nps 2 \
	--listen fd:3 "${common[@]}" >"$tmp/out" 2>"$tmp/log" &
arenad_pid=$!
ok "arenad serves a socket that was passed to it" wait_for 60 grep -q ^ready "$tmp/out"
address=$(awk '/^ready/ { print $2; exit }' "$tmp/out")
ok "a client is served by an arenad with --listen fd:3" client_start
upgrades "with --listen fd:3"
upgrades "with --listen fd:3 that was replaced before"
ends "with --listen fd:3"
done_testing
