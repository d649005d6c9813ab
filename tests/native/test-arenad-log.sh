#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: messages that a client or a broken disk can cause without end are logged with a
# limit, and an NP that runs out of descriptors continues when it has some again.
# shellcheck disable=SC2034 # for lib.sh: the only network process lacks descriptors
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires prlimit qemu-io losetup

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

arenad_start --size 128M --disk "one=$(disk two 8M)"
port=${address##*:}
served() { head -c 8 <&"$1" | grep -q NBDMAGIC; }
exec 3<>"/dev/tcp/127.0.0.1/$port"
ok "a client is served before the NP runs out of descriptors" served 3
prlimit --pid "$(children arena-np)" --nofile=8:1024
exec 4<>"/dev/tcp/127.0.0.1/$port"
ok "the NP logs that it has no descriptor for the next client" \
	wait_for 5 says "Too many open files; trying again later"
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
