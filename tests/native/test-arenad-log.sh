#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: messages that a client or a broken disk can cause without end are logged with a
# limit, also if clients do nothing else, and an NP that runs out of descriptors continues when it
# has some again.
# shellcheck disable=SC2034 # for lib.sh: the only network process lacks descriptors
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires prlimit qemu-io losetup python3

file=$(disk one 8M)
disk=$(losetup --find --show "$file" 2>/dev/null) || skip_all "no loop device here"
at_exit losetup --detach "$disk"
arenad_start --size 128M --disk "one=$disk"
reads=()
for ((i = 1; i <= 300; i++)); do
	reads+=(-c "read $((i * 8))k 4k")
done

# A loop device keeps its size, and reads of what its file does not have fail.
truncate -s 4k "$file"
qemu-io -f raw "nbd://$address/one" "${reads[@]}" >"$tmp/reads" 2>&1
is "every read from a broken disk fails" "$(grep -c 'read failed' "$tmp/reads")" 300
lines=$(grep -c 'read of [0-9]* bytes' "$tmp/log")
ok "a limited number of the failed reads is logged ($lines)" test "$lines" -gt 0 -a "$lines" -lt 100
arenad_stop
told=$(sed -n 's/.* \([0-9]*\) more, the last: read of .*/\1/p' "$tmp/log" |
	awk '{ n += $1 } END { print n + 0 }')
written=$(grep 'read of [0-9]* bytes' "$tmp/log" | grep -vc ' more, ')
is "failed reads in the log and those that it counts make 300" "$((told + written))" 300

# Clients of which each one that ends is followed by another one. Each way of theirs is one line.
cat >"$tmp/flood.py" <<'PYTHON'
import socket, struct, sys

place = (sys.argv[1], int(sys.argv[2]))
times = int(sys.argv[3])

def take(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise ConnectionError
        got += more

def is_ended(s):
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass

def client(first, export, then):
    with socket.create_connection(place) as s:
        take(s, 18)
        s.sendall(struct.pack(">I", first))
        if export:
            s.sendall(b"IHAVEOPT" + struct.pack(">II", 1, len(export)) + export)
        if then:
            take(s, 10)
            s.sendall(then)
        is_ended(s)

for i in range(times):
    client(3, b"one", b"\xff" * 28)
    client(3, b"shut", None)
    client(0xffffffff, None, None)

# As many connections as an address may have, and then more.
kept = [socket.create_connection(place) for i in range(4)]
for s in kept:
    take(s, 18)
for i in range(times):
    with socket.create_connection(place) as s:
        is_ended(s)
PYTHON

# lines_of TEXT: print how many lines of the log have it, and how many times it was to be logged. A
# line that counts others stands for these alone.
lines_of()
{
	awk -v text="$1" '
		!index($0, text) { next }
		{ written++ }
		match($0, /[0-9]+ more, the last: /) { held += substr($0, RSTART) - 1 }
		END { print written + 0, written + held }' "$tmp/log"
}

arenad_start --size 128M --disk "one=$(disk open 8M)" --disk "shut=$(disk shut 8M)" \
	--allow shut=192.0.2.1 --max-connections-per-client 4
before=$(wc -l <"$tmp/log")
began=$SECONDS
ok "clients send nonsense 1200 times" \
	timeout 120 python3 "$tmp/flood.py" "${address%:*}" "${address##*:}" 300
# The connections that were kept may last a moment longer than the program.
ok "the NP serves a client after those" wait_for 10 nbdinfo --size "nbd://$address/one"
lines=$(($(wc -l <"$tmp/log") - before))
# Of each place in the code 10 lines in 5 seconds, and one that counts the others: log_limited() in
# user/common/log.h. A period begins with the first line of its place.
allowed=$(((((SECONDS - began) / 5) + 2) * 11))
ok "the $lines lines that the clients have caused are no more than three places may write" \
	[ "$lines" -gt 0 -a "$lines" -le "$((3 * allowed))" ]
arenad_stop
for text in "it sent no NBD request" "may not use export" "refused 127.0.0.1"; do
	read -r lines told < <(lines_of "$text")
	ok "of lines with '$text' a limited number is written ($lines)" \
		[ "$lines" -gt 0 -a "$lines" -le "$allowed" ]
	ok "lines with '$text', and those that they count, are one for each time at least ($told)" \
		[ "$told" -ge 300 ]
done

arenad_start --size 128M --disk "one=$(disk two 8M)"
port=${address##*:}
served() { head -c 8 <&"$1" | grep -q NBDMAGIC; }
exec 3<>"/dev/tcp/127.0.0.1/$port"
ok "a client is served before the NP runs out of descriptors" served 3
prlimit --pid "$(children arena-np)" --nofile=8:1024
exec 4<>"/dev/tcp/127.0.0.1/$port"
ok "the NP logs that it has no descriptor for the next client" \
	wait_for 5 says "cannot accept clients for a while: Too many open files; raise the limit"
sleep 2
lines=$(grep -c "Too many open files" "$tmp/log")
ok "the NP without descriptors logs few lines in two seconds ($lines)" test "$lines" -lt 20
ok "a client that was connected before keeps its connection" eval "printf x >&3"
prlimit --pid "$(children arena-np)" --nofile=1024:1024
ok "the client that waited is served once the NP has descriptors again" served 4
exec 3>&- 4>&-
arenad_stop
is "arenad ends with status 0 after its NP had run out of descriptors" "$status" 0
done_testing
