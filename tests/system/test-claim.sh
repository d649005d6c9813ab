#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the claim to a disk is a fence: when a storage process is killed while the disk is still
# writing for it, another one gets the disk only when that has ended.
# Method: a device of device mapper is suspended, so that it holds the operations of a storage
# process, which is killed; its successor has to wait until the device goes on.
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io

slow_disk

# io COMMAND: one of qemu-io's commands, at the disk
io()
{
	qemu-io -f raw -c "$1" "nbd://$address/one"
}

# kill_while_writing: kill the storage process while the disk holds a write of it
kill_while_writing()
{
	dmsetup suspend --nolockfs slow
	begin_write io "write -P 8 0 4M"
	children arena-sp | xargs kill -KILL
	arenad_wait
	wait "$writer"
}

# The region of a killed process keeps its memory as long as the disk uses it.
pages_2m 160
arenad_start --hold 0 --size 128M --page-size 2M --disk one=/dev/mapper/slow
ok "a write succeeds while the device works" io "write -P 7 0 4M"
kill_while_writing
arenad_run --size 128M --page-size 2M --disk one=/dev/mapper/slow
ok "a successor finds the disk in use by nobody who can be seen" \
	wait_for 30 says "is in use by nobody who can be seen: waiting"
sleep 3
not_ok "the successor does not get the disk while its predecessor's write is held" \
	grep -q '^ready' "$tmp/out"
dmsetup resume slow
ok "the successor gets the disk when the write has ended" wait_for 60 grep -q '^ready' "$tmp/out"
address=$(awk '/^ready/ { print $2; exit }' "$tmp/out")
ok "the successor says that the disk is free" says "is in use no more"
ok "what the predecessor had under way is on the disk before the successor reads" \
	io "read -P 8 0 4M"
arenad_stop
is "arenad ends with status 0 after it has followed a killed one" "$status" 0

arenad_start --hold 0 --size 128M --page-size 2M --disk one=/dev/mapper/slow
kill_while_writing
arenad_run --size 128M --page-size 2M --disk one=/dev/mapper/slow
ok "a successor waits for the disk once more" \
	wait_for 30 says "is in use by nobody who can be seen: waiting"
arenad_stop
is "arenad that waits for a disk ends with status 0 on SIGTERM" "$status" 0
dmsetup resume slow
done_testing
