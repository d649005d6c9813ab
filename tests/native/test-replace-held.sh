#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a network process that takes clients over before its storage process has said what the disk
# can do keeps all kinds of requests of these clients, until the storage process goes on.
# shellcheck disable=SC2034,SC2154 # for lib.sh: how many processes there are; client_PID is coproc's
NPS=1 SPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
requires python3 nbdinfo

cat >"$tmp/client.py" <<'PYTHON'
import nbd, sys

h = nbd.NBD()
h.connect_uri(sys.argv[1])
h.pwrite(b"x" * 65536, 0)
print("ready", flush=True)
sys.stdin.readline()
kinds = (("write", lambda: h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(4096)), 0)),
         ("zero", lambda: h.aio_zero(4096, 8192)), ("trim", lambda: h.aio_trim(4096, 16384)),
         ("flush", h.aio_flush), ("read", lambda: h.aio_pread(nbd.Buffer(4096), 32768)))
asked = [(name, ask()) for name, ask in kinds]
print("asked", flush=True)
for name, cookie in asked:
    try:
        while not h.aio_command_completed(cookie):
            h.poll(-1)
        print(name, "done", flush=True)
    except nbd.Error as e:
        print(name, e.errno, flush=True)
PYTHON

mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"
arenad_start --disk "d0=$(disk d0 64M)" --bindir "$tmp/bin"
coproc client { exec python3 "$tmp/client.py" "nbd://$address/d0"; }
at_exit end_process "$client_PID"
read -r -t 20 line <&"${client[0]}"
is "a client is served" "$line" ready

# The storage process stops before the new network process can ask it for anything. It is new
# itself, and the network process that runs gives nothing away before it has seen it, which is its
# second line of this kind.
install_np "until [ \$(grep -c \"^arena-np 0: export 'd0': [0-9]* bytes\" $tmp/log) -ge 2 ]; do sleep 0.1; done
kill -STOP \$(pgrep -P \$PPID -x arena-sp)
exec '$BUILD/arena-np' \"\$@\""
replace
ok "the network process is replaced while its storage process is stopped" wait_for 60 replaced 1
echo go >&"${client[1]}"
read -r -t 20 line <&"${client[0]}"
is "the client asks for everything" "$line" asked
line=''
read -r -t 2 line <&"${client[0]}"
is "nothing is answered while the storage process is stopped" "$line" ""
kill -CONT "$(process_of arena-sp 0)"
for kind in write zero trim flush read; do
	read -r -t 30 line <&"${client[0]}"
	is "the storage process goes on, and the client's $kind is done" "$line" "$kind done"
done
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
