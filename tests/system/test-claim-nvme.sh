#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the claim to an NVMe namespace is a fence, too: commands go past its block device, which
# nevertheless is free for a successor only when the last command of a killed storage process has
# ended.
# Method: a namespace of the kernel's own NVMe target, whose disk is a device of device mapper that
# is suspended while the storage process has a write under way.
# timeout: 240
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io dmsetup

modprobe -a dm-mod nvmet nvme-loop || skip_all "this kernel has no NVMe target"
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/claim

target_remove()
{
	dmsetup resume slow 2>/dev/null
	arenad_kill
	[ -z "$device" ] || echo 1 >"/sys/class/nvme/$device/delete_controller"
	rm -f "$target/ports/1/subsystems/claim"
	rmdir "$target/ports/1" "$subsystem/namespaces/1" "$subsystem"
	wait_for 10 dmsetup remove slow
}

# controller: print the name of the target's controller
controller()
{
	grep -lx claim /sys/class/nvme/nvme*/subsysnqn | awk -F / '{ print $5 }'
}

has_namespace()
{
	device=$(controller) && [ -c "/dev/ng${device#nvme}n1" ]
}

device=''
dmsetup create slow --table "0 131072 linear $disk0 0" || skip_all "cannot make a device"
dmsetup mknodes slow
mkdir "$subsystem" "$subsystem/namespaces/1" "$target/ports/1"
at_exit target_remove
echo 1 >"$subsystem/attr_allow_any_host"
echo /dev/mapper/slow >"$subsystem/namespaces/1/device_path"
echo 1 >"$subsystem/namespaces/1/enable"
echo loop >"$target/ports/1/addr_trtype"
ln -s "$subsystem" "$target/ports/1/subsystems/claim"
echo "transport=loop,nqn=claim" >/dev/nvme-fabrics
wait_for 20 has_namespace || skip_all "the NVMe target makes no namespace"
disk=/dev/${device}n1

# io COMMAND: one of qemu-io's commands, at the disk
io()
{
	qemu-io -f raw -c "$1" "nbd://$address/one"
}

# The region of a killed process keeps its memory as long as the disk uses it.
pages_2m 160
arenad_start --size 128M --page-size 2M --disk "one=$disk" --disk-backend nvme
ok "a write succeeds while the device works" io "write -P 7 0 1M"
dmsetup suspend --nolockfs slow
io "write -P 8 0 1M" >"$tmp/io" 2>&1 &
writer=$!
sleep 2
kill -KILL "$(children arena-sp)"
arenad_wait
wait "$writer"

arenad_run --size 128M --page-size 2M --disk "one=$disk" --disk-backend nvme
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
