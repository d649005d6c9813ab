#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a network process that takes the place of a dead one serves each export as soon as its
# storage process is there, and does not wait for the others, whether their disks are away, their
# storage processes lie about what they have, or the dead process has left a note of that which lies.
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires qemu-io

# io EXPORT COMMAND: qemu-io's command
io() { timeout 100 qemu-io -f raw -c "$2" "nbd://$address/$1"; }

path=$(disk d0 64M)
arenad_start --disk "d0=$path" --disk "d1=$(disk d1 64M)"
ok "a disk works before it goes away" io d0 "write -P 1 0 2M"
mv "$path" "$path.away"
kill_process arena-sp 0
ok "the successor of the storage process waits for its disk" \
	wait_for 60 says "$path is not there: waiting"
kill_process arena-np 0
ok "the successor of the network process serves another disk while one is away" \
	io d1 "write -P 2 0 8M"
not_ok "the disk is still away" grep -q "is there again" "$tmp/log"
io d0 "write -P 3 0 2M" >"$tmp/waits" 2>&1 &
writer=$!
# The client has been accepted if others are served after it.
ok "the other disk goes on while a client waits for the one that is away" io d1 "read -P 2 0 8M"
mv "$path.away" "$path"
ok "a client that has waited for the disk is served when it is back" wait "$writer"
ok "the disk has the data of that client" io d0 "read -P 3 0 2M"
counters_refresh
is "no payload is withheld when the disk is back" "$(counter arena-np withheld_buffers)" 0
arenad_stop
is "arenad ends with status 0 after the disk is back" "$status" 0

rig_start --mode held --sps 2 -- --hold 3
host=${address%:*} port=${address##*:}
ok "a disk is served while the storage process of another one claims payload that it never had" \
	"$tools/nbd-greedy" "$host" "$port" d1
counters_refresh
is "arena-np sets nothing aside for the storage process that lies" \
	"$(counter arena-np withheld_buffers)" 0
ok "it counts the claims as bad messages" test "$(counter arena-np bad_messages)" -ge 8
refused() { ! timeout 60 qemu-io -r -f raw -c "read 0 512" "nbd://$address/d0"; }
ok "the disk of the storage process that lies is refused" refused
arenad_stop
is "arena-np ends with status 0 after such claims" "$status" 0

# stopped: print the storage process of the rig that has stopped
stopped()
{
	local pid

	for pid in $(pgrep -P "$arenad_pid" -x np-rig); do
		! grep -q '^State:[[:space:]]*T' "/proc/$pid/status" || echo "$pid"
	done
}
has_stopped() { [ -n "$(stopped)" ]; }
withheld() { counters_refresh; counter arena-np withheld_buffers; }

rig_start --mode noted --sps 2 -- --hold 100
ok "the storage process that the note names does not answer" wait_for 30 has_stopped
ok "payload is set aside for it, which it does not have" [ "$(withheld)" -gt 1000 ]
ok "reads of the other disk go on meanwhile" io d0 "read -P 0 0 8M"
io d0 "write -P 4 0 8M" >"$tmp/waits" 2>&1 &
writer=$!
sleep 1
ok "a write waits for that payload, whatever disk it is for" kill -0 "$writer"
kill -CONT "$(stopped)"
ok "the write is done when the storage process has said that it has none" wait "$writer"
ok "both disks work then" eval 'io d0 "read -P 4 0 8M" && io d1 "write -P 5 0 8M"'
is "no payload is withheld then" "$(withheld)" 0
arenad_stop
is "arena-np ends with status 0 after a note that lied" "$status" 0
done_testing
