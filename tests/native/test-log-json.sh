#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with --log-format json, or with the same in arenad's file, each line that any of the daemons
# logs is a whole object of JSON that says when, how grave, who and what, whatever clients, paths and
# deaths of processes have to do with it; and a format that there is not is refused.
# Method: python3's json module reads all lines of the log, of several processes at once.
# timeout: 300
# shellcheck disable=SC2034,SC2154 # for and from lib.sh: each program has two processes
NPS=2 SPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3 qemu-io

# Reads a log, and ends with an error at the first line that is no such object. Prints the level, the
# program, the process, and the message as a literal of Python.
cat >"$tmp/read.py" <<'PYTHON'
import datetime, json, sys

def in_order(pairs):
    assert [key for key, value in pairs] == ["time", "level", "program", "pid", "message"], pairs
    return dict(pairs)

data = open(sys.argv[1], "rb").read()
assert data.endswith(b"\n")
now = datetime.datetime.now(datetime.timezone.utc)
for line in data.split(b"\n")[:-1]:
    assert len(line) < 1024, line
    entry = json.loads(line.decode("utf-8", "strict"), object_pairs_hook=in_order)
    time = datetime.datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    age = now - time.replace(tzinfo=datetime.timezone.utc)
    assert abs(age) < datetime.timedelta(minutes=10), line
    assert entry["level"] in ("error", "warning", "info", "debug"), line
    assert type(entry["pid"]) is int and type(entry["message"]) is str, line
    print(entry["level"], entry["program"], entry["pid"], ascii(entry["message"]), sep="|")
PYTHON
entries() { python3 "$tmp/read.py" "$tmp/log" >"$tmp/entries"; }

# logged PATTERN: is there an entry LEVEL|PROGRAM|PID|'MESSAGE', or the beginning of one, like that?
logged()
{
	if ! entries || ! grep -q -- "^$1" "$tmp/entries"; then
		tail -n 30 "$tmp/entries"
		return 1
	fi
}

# Each of these clients causes a line, and sends text in no encoding.
cat >"$tmp/odd.py" <<'PYTHON'
import socket, struct, sys

place = (sys.argv[1], int(sys.argv[2]))

def client(first, then):
    with socket.create_connection(place) as s:
        s.recv(18, socket.MSG_WAITALL)
        s.sendall(struct.pack(">I", first) + then)
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass

def export(name, then=b""):
    return b"IHAVEOPT" + struct.pack(">II", 1, len(name)) + name + then

for i in range(20):
    client(3, export(b"one", b"\xff\"\\\n" * 7))
    client(3, export(b"shut"))
    client(3, export(b"\xff\"\x1b\x00" * 20))
    client(0xffffffff, b"\"}\n" * 50)
PYTHON
upset() { timeout 120 python3 "$tmp/odd.py" "${address%:*}" "${address##*:}"; }

# counted: has each process said its counters?
counted()
{
	local program

	for program in "arena-np 0" "arena-np 1" "arena-sp 0" "arena-sp 1"; do
		logged "info|$program|[0-9]*|'counters .*requests=" || return
	done
}

odd=$(disk $'o"d\\d\n\xff\x1b' 8M)
# Lines have the time of UTC wherever the machine is, and no process needs the file of a zone.
TZ=:/usr/share/zoneinfo/Asia/Kathmandu arenad_start --log-format json --verbose \
	--disk "one=$(disk one 8M)" --disk "shut=$odd" --allow shut=192.0.2.1
ok "every line of the start is an object" entries
ok "clients send nonsense" upset
ok "a client reads and writes" qemu-io -f raw "nbd://$address/one" -c "write -P 7 0 64k" \
	-c "read -P 7 0 64k"
kill -USR1 "$arenad_pid"
ok "each process prints its counters as the message of an object" wait_for 15 counted
ok "what arenad says has its name" logged "info|arenad|$arenad_pid|'region test lies at"
ok "a network process has its number" logged "info|arena-np 1|[0-9]*|'listening on "
ok "a storage process has its number, and each byte of a path that is no text is replaced" \
	logged "info|arena-sp 1|[0-9]*|'disk .*/o\"d.*d\\\\n\\\\ufffd\\\\x1b.img: "
ok "a warning says so" logged "warning|arenad|$arenad_pid|'using a memfd"
ok "so does a message for developers" logged "debug|arena-np [01]|[0-9]*|'connection "
is "each process names itself by its id" \
	"$(awk -F '|' '$2 != "arenad" { print $3 }' "$tmp/entries" | sort -u | xargs)" \
	"$(children 'arena-np|arena-sp' | sort -u | xargs)"
ok "lines that clients cause are there" logged ".*it sent no NBD request"
ok "a client that may not use an export is told" logged ".*may not use export"
np=$(children arena-np | head -n 1)
kill -KILL "$np"
ok "the death of a process is an error" \
	wait_for 20 logged "error|arenad|$arenad_pid|.arena-np [01] (process $np) was killed"
ok "its successor is served" wait_for 30 nbdinfo --size "nbd://$address/one"
ok "and clients send nonsense to it" upset
arenad_stop
is "arenad ends with status 0" "$status" 0
ok "every line up to the end is an object" entries
is "all processes have logged, those that have replaced others, too" \
	"$(cut -d '|' -f 2 "$tmp/entries" | sort -u | xargs)" \
	"arena-np 0 arena-np 1 arena-sp 0 arena-sp 1 arenad"

# The same in a file. A reload leaves the format as it is, and SIGUSR2 changes it.
cat >"$tmp/node.conf" <<-END
	[arenad]
	log-format = json
END
arenad_start --config "$tmp/node.conf" --disk "one=$(disk one 8M)"
kill -USR1 "$arenad_pid"
ok "a file with the format has the same effect" wait_for 15 counted
sed -i 's/json/text/' "$tmp/node.conf"
kill -HUP "$arenad_pid"
ok "a reload says that the format stays" \
	wait_for 15 logged "warning|arenad|$arenad_pid|.reload: .* stay as they were: --log-format; 'arenactl upgrade'"
kill -USR2 "$arenad_pid"
ok "SIGUSR2 puts the other format in use" wait_for 60 grep -q '^arena-sp 1: serving' "$tmp/log"
arenad_stop
ok "the last lines are text" grep -q '^arenad: Terminated: stopping' "$tmp/log"

for program in arenad arena-np arena-sp arena-metrics; do
	command -v "$program" >/dev/null || { skip "$program has the option" "it is not built"; continue; }
	"$program" --log-format xml >"$tmp/out" 2>"$tmp/log"
	is "$program refuses a format that there is not" $? 2
	ok "$program says which there are, in text" \
		grep -q "^$program: .*xml is none of text, json" "$tmp/log"
done
printf '[arenad]\nlog-format = xml\n' >"$tmp/node.conf"
arenad --config "$tmp/node.conf" --check-config >"$tmp/out" 2>"$tmp/log"
is "a file with a format that there is not is refused" $? 2
ok "the error has the line" grep -q "node.conf:2: log-format: xml is none of text, json" "$tmp/log"

if command -v arena-metrics >/dev/null; then
	: >"$tmp/log"
	daemon arena-metrics --log-format json --listen 127.0.0.1:0
	ok "arena-metrics logs objects, too" \
		wait_for 20 logged "info|arena-metrics|$daemon|'serving http://127.0.0.1:"
fi
done_testing
