#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: in an export with limits, too, a client that sends its payload slowly is cut off soon if
# others of the export wait for its buffers, and the slow clients of other exports are not.
# Method: clients send a few bytes a second of a WRITE. The time after which a client is cut off for
# a stall alone is an hour, so that nobody is served in time unless the shorter time counts.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3

arenad_start --size 512M --nps 1 --stall-timeout 3600 \
	--disk "limited=$(disk limited 64M)" --limit limited=iops=10000 \
	--disk "free=$(disk free 64M)"
cat >"$tmp/slow.py" <<'END'
import socket
import struct
import sys
import threading
import time

LONGEST = 32 << 20

def client(name, length):
    """A client that has sent the header of a WRITE"""
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.settimeout(100)
    s.recv(18, socket.MSG_WAITALL)
    s.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, len(name)) + name)
    s.recv(10, socket.MSG_WAITALL)
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 7, 0, length))
    return s

class Slow(threading.Thread):
    """Sends a few bytes a second, until the server ends the connection or finish() comes"""
    def __init__(self, name, length):
        super().__init__(daemon=True)
        self.s, self.left, self.is_cut, self.is_over = client(name, length), length, False, False
        self.start()
    def run(self):
        try:
            while not self.is_over:
                self.s.sendall(b"x")
                self.left -= 1
                time.sleep(0.2)
        except OSError:
            self.is_cut = True
    def finish(self):
        self.is_over = True
        self.join()
        self.s.sendall(bytes(self.left))
        return answer(self.s)

def answer(s):
    return struct.unpack(">IIQ", s.recv(16, socket.MSG_WAITALL))[1]

slow = Slow(b"limited", LONGEST)
other = Slow(b"free", LONGEST)
time.sleep(1)
# Another client of the limited export is served within its own part at once.
s = client(b"limited", 4096)
s.sendall(bytes(4096))
print("small", answer(s), slow.is_cut)
s = client(b"limited", LONGEST)
s.sendall(bytes(LONGEST))
print("long", answer(s))
slow.join(10)
print("slow", slow.is_cut)
print("other", other.is_cut, other.finish())
END
timeout 110 python3 "$tmp/slow.py" "${address%:*}" "${address##*:}" >"$tmp/said" 2>&1
diag "$(cat "$tmp/said")"
# told LINE
told() { grep -qx "$1" "$tmp/said"; }
ok "a short WRITE of a limited export is served while a slow client has what the export may have" \
	told "small 0 False"
ok "a long WRITE of the limited export is served, though the slow client has not ended its own" \
	told "long 0"
ok "the slow client of the limited export is cut off" told "slow True"
ok "a slow client of another export, for whose buffers nobody waits, ends its WRITE" \
	told "other False 0"
ok "the log says why the slow client was cut off" says "its payload does not come"
arenad_stop
is "arenad ends with status 0 after slow clients" "$status" 0
done_testing
