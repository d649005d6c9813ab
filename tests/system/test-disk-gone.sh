#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that is removed while it is served answers everything with EIO. ENOSPC would pause a
# virtual machine for ever, as if somebody could make room.
# Method: a disk of scsi_debug is deleted by sysfs while arena-sp has it open.
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io

modprobe sd_mod || skip_all "this kernel has no SCSI disks"
modprobe scsi_debug dev_size_mb=64 lbpu=1 lbpws=1 ||
	skip_all "this kernel has no scsi_debug"

scsi_remove()
{
	arenad_kill
	modprobe -r scsi_debug 2>/dev/null || true
}
at_exit scsi_remove

scsi_disk()
{
	echo /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/*
}

has_disk()
{
	[ -e "$(scsi_disk)" ]
}

wait_for 10 has_disk || skip_all "scsi_debug makes no disk"
name=$(basename "$(scsi_disk)")
wait_for 10 test -b "/dev/$name"

# io COMMAND: one of qemu-io's commands, at the disk
io()
{
	qemu-io -f raw -c "$1" "nbd://$address/one"
}

# fails COMMAND: qemu-io says that the command failed with EIO
fails()
{
	io "$1" >"$tmp/io" 2>&1
	cat "$tmp/io"
	grep -q "Input/output error" "$tmp/io"
}

pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=/dev/$name"
ok "a SCSI disk that is there takes a write" io "write -P 7 0 1M"
echo 1 >"/sys/block/$name/device/delete"
ok "a read of a disk that was removed fails with EIO" fails "read 0 4k"
ok "a write to a disk that was removed fails with EIO, and not with ENOSPC" fails "write -P 8 0 4k"
ok "a long write to a disk that was removed fails with EIO" fails "write -P 8 0 4M"
ok "a write of zeroes to a disk that was removed fails with EIO" fails "write -z 0 64k"
ok "arena-sp logs that the device was removed" says "the device was removed"
arenad_stop
is "arenad ends with status 0 after its disk was removed" "$status" 0
done_testing
