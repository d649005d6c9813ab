#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: requests that a disk does not end get EIO after a time, other disks go on, no buffer is used
# again before the disk has ended with it, and the node can be stopped.
# Method: a device of device mapper is suspended, so that it holds what it is given, and resumed.
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the network process that is killed has the client
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io python3

slow_disk

# io EXPORT COMMAND...: qemu-io's commands
io()
{
	local export=$1 args=() command

	shift
	for command in "$@"; do
		args+=(-c "$command")
	done
	qemu-io -f raw "${args[@]}" "nbd://$address/$export"
}

# fails COMMAND: qemu-io says that the command failed with EIO at the disk that hangs
fails()
{
	io one "$1" >"$tmp/io" 2>&1
	cat "$tmp/io"
	grep -q "Input/output error" "$tmp/io"
}

# counts PROGRAM KEY VALUE: a counter has this value
counts()
{
	counters_refresh
	[ "$(counter "$1" "$2")" = "$3" ]
}

pages_2m 128
arenad_start --size 256M --page-size 2M --disk one=/dev/mapper/slow --disk "two=$disk1" \
	--disk-timeout 4
ok "the first disk works at first" io one "write -P 1 0 2M"
ok "the second disk works at first" io two "write -P 2 0 2M"
dmsetup suspend --nolockfs slow
begin_write fails "write -P 3 1M 1M"
ok "another disk goes on while one hangs" io two "write -P 4 0 2M" "read -P 4 0 2M"
ok "a write that the disk does not end fails with EIO" wait "$writer"
ok "arena-sp says that the disk hangs" says "disk /dev/mapper/slow hangs"
ok "a read of a disk that hangs fails with EIO" fails "read 0 1M"
ok "a write of the same bytes as the one that hangs fails with EIO" fails "write -P 5 1M 4k"
ok "arena-sp counts the one request that the disk has not ended" counts "arena-sp 0" late 1
ok "the network process counts the buffers that the disk may still read" \
	counts "arena-np" withheld_buffers 256
ok "the other disk still goes on" io two "write -P 6 0 2M" "read -P 6 0 2M"
dmsetup resume slow
ok "the disk has ended the late request after it was resumed" \
	wait_for 30 counts "arena-sp 0" late 0
ok "the network process has the buffers again" counts "arena-np" withheld_buffers 0
ok "arena-sp says that the disk answers again" says "answers again"
is "the time of a request that hung is that of the disk, and of no other stage" \
	"$(arenactl latency --json | python3 -c 'import json, sys
print(*[s["stage"] for s in json.load(sys.stdin)["stages"]
	if s["export"] == "one" and s["maxNSec"] >= 3 * 10**9])')" disk
ok "the disk works again, and has what the late write had" \
	io one "read -P 3 1M 1M" "write -P 7 0 2M" "read -P 7 0 2M"

# The disk has a write of a network process that dies. Its successor must neither wait for the disk
# nor use the payload that the disk still reads.
dmsetup suspend --nolockfs slow
begin_write io one "write -P 9 4M 1M"
killed=$(children arena-np)
kill -KILL "$killed"
wait_for 30 gone "$killed"
ok "when the network process was killed while a disk hangs, clients of another disk are served" \
	wait_for 60 io two "write -P 10 0 2M" "read -P 10 0 2M"
ok "the successor counts the buffers that the disk still reads for the dead process" \
	counts "arena-np" withheld_buffers 256
ok "payload of the successor goes to the other disk" \
	io two "write -P 11 0 32M" "read -P 11 0 32M" "write -P 12 0 32M"
not_ok "the client of the killed process is cut off" wait "$writer"
dmsetup resume slow
ok "the successor has these buffers again when the disk was resumed" \
	wait_for 30 counts "arena-np" withheld_buffers 0
ok "the disk has what the client of the killed process wrote" io one "read -P 9 4M 1M"
ok "the disk serves clients of the successor" io one "write -P 13 0 8M" "read -P 13 0 8M"
is "no message was bad" "$(counter arena-np bad_messages) $(counter arena-sp bad_messages)" "0 0"

dmsetup suspend --nolockfs slow
begin_write fails "write -P 8 0 1M"
arenad_stop
is "arenad ends with status 0 on SIGTERM while a disk hangs" "$status" 0
wait "$writer"
ok "arena-sp says that it does not wait for the disk" says "requests under way: ending without"
dmsetup resume slow
done_testing
