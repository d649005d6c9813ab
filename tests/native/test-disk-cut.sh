#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a file that somebody cuts short when a write to it is about to begin is as long as that write
# needs afterwards, what lies between reads as zeroes, and the client's write succeeds.
# sanitizers: no
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3
requires_inside plant

path=$(disk d 16M)
export PLANT=cut PLANT_FILE=$path LD_PRELOAD=$inside
arenad_start --sandbox off --disk "d=$path"
unset LD_PRELOAD
cat >"$tmp/client.py" <<'END'
import nbd, os, sys

h = nbd.NBD()
h.connect_uri(sys.argv[1])
h.pwrite(b"a" * 65536, 4 << 20)
h.pwrite(b"b" * 65536, 12 << 20)
# The fault happens to one of them, and leaves the first half of what is in front of it.
for i in range(200):
    h.pwrite(b"c" * 4096, 8 << 20)
print(os.stat(sys.argv[2]).st_size)
print("right" if h.pread(4 << 20, 4 << 20) == bytes(4 << 20) and
      h.pread(4096, 8 << 20) == b"c" * 4096 else "wrong")
END
python3 "$tmp/client.py" "nbd://$address/d" "$path" >"$tmp/answer" 2>&1
ok "the file was cut short" says "$path is cut short before a write"
is "200 writes succeed, and the file ends behind the last one" "$(head -n 1 "$tmp/answer")" \
	"$(((8 << 20) + 4096))"
is "what was written is there, and zeroes in front of it" "$(sed -n 2p "$tmp/answer")" right
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
