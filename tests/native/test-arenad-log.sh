#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what a client or a broken disk causes without end is logged with a limit, and
# a process that runs out of descriptors waits for some.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires prlimit qemu-io

disk=$(disk one 8M)
arenad_start --size 128M --disk "one=$disk"
reads=()
for ((i = 1; i <= 300; i++)); do
	reads+=(-c "read $((i * 8))k 4k")
done

# Reads of what is no longer there fail, as those of a broken disk.
truncate -s 4k "$disk"
qemu-io -f raw "nbd://$address/one" "${reads[@]}" >"$tmp/reads" 2>&1
is "a broken disk: every read fails" "$(grep -c 'read failed' "$tmp/reads")" 300
lines=$(grep -c 'read of [0-9]* bytes' "$tmp/log")
ok "a broken disk: some failures are logged ($lines)" test "$lines" -gt 0 -a "$lines" -lt 100
arenad_stop
told=$(sed -n 's/.* \([0-9]*\) more, the last: read of .*/\1/p' "$tmp/log" |
	awk '{ n += $1 } END { print n + 0 }')
written=$(grep 'read of [0-9]* bytes' "$tmp/log" | grep -vc ' more, ')
is "a broken disk: all failures are counted" "$((told + written))" 300

arenad_start --size 128M --disk "one=$(disk two 8M)"
port=${address##*:}
served() { head -c 8 <&"$1" | grep -q NBDMAGIC; }
exec 3<>"/dev/tcp/127.0.0.1/$port"
ok "a client is served before descriptors run out" served 3
prlimit --pid "$(children arena-np)" --nofile=8:1024
exec 4<>"/dev/tcp/127.0.0.1/$port"
ok "out of descriptors: it is logged" wait_for 5 says "Too many open files; trying again later"
sleep 2
lines=$(grep -c "Too many open files" "$tmp/log")
ok "out of descriptors: a line a second and no more ($lines)" test "$lines" -lt 20
ok "out of descriptors: an old client still has its connection" eval "printf x >&3"
prlimit --pid "$(children arena-np)" --nofile=1024:1024
ok "descriptors again: the client that waited is served" served 4
exec 3>&- 4>&-
arenad_stop
is "descriptors again: status" "$status" 0
done_testing
