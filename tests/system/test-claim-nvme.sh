#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the claim to an NVMe namespace is a fence, too: commands go past its block device, which
# nevertheless is free for a successor only when the last command of a killed storage process has
# ended.
# Method: a namespace of the kernel's own NVMe target, whose disk is a device of device mapper that
# is suspended while the storage process has a write under way.
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io

slow_disk
nvme_target /dev/mapper/slow

# io COMMAND: one of qemu-io's commands, at the disk
io()
{
	qemu-io -f raw -c "$1" "nbd://$address/one"
}

# The region of a killed process keeps its memory as long as the disk uses it.
pages_2m 160
arenad_start --hold 0 --size 128M --page-size 2M --disk "one=$target_disk" --disk-backend nvme
ok "a write succeeds while the device works" io "write -P 7 0 1M"
dmsetup suspend --nolockfs slow
begin_write io "write -P 8 0 1M"
children arena-sp | xargs kill -KILL
arenad_wait
wait "$writer"

arenad_run --size 128M --page-size 2M --disk "one=$target_disk" --disk-backend nvme
ok "a successor finds the namespace in use by nobody who can be seen" \
	wait_for 30 says "is in use by nobody who can be seen: waiting"
sleep 3
not_ok "the successor does not get the namespace while its predecessor's command is held" \
	grep -q '^ready' "$tmp/out"
dmsetup resume slow
ok "the successor gets the namespace when the command has ended" \
	wait_for 60 grep -q '^ready' "$tmp/out"
address=$(awk '/^ready/ { print $2; exit }' "$tmp/out")
ok "what the predecessor had under way is there before the successor reads" io "read -P 8 0 1M"
arenad_stop
is "arenad ends with status 0 after it has followed a killed one" "$status" 0
done_testing
