#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that is removed while it is served answers everything with EIO. ENOSPC would pause a
# virtual machine for ever, as if somebody could make room.
# Method: a disk of scsi_debug is deleted by sysfs while arena-sp has it open.
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdsh

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

# A client that was there before the disk was removed: later ones are refused.
cat >"$tmp/client.py" <<'PY'
import os

def failure(what, *args):
	try:
		what(*args)
	except nbd.Error as e:
		return e.errno
	return "no error"

h.pwrite(bytes(1 << 20), 0)
open(os.environ["DELETE"], "w").write("1")
print("read", failure(h.pread, 4096, 0))
print("write", failure(h.pwrite, bytes(4096), 0))
print("long write", failure(h.pwrite, bytes(4 << 20), 0))
print("zeroes", failure(h.zero, 65536, 0))
PY

# fails WHAT: the client was told EIO
fails()
{
	grep -qx "$1 EIO" "$tmp/said" || { cat "$tmp/said"; return 1; }
}

pages_2m 128
# With --hold 0 no successor waits for the disk, so that arena-sp stays and answers by itself.
arenad_start --size 256M --page-size 2M --disk "one=/dev/$name" --hold 0
export DELETE=/sys/block/$name/device/delete
ok "a SCSI disk is served until it is removed, and its client stays" \
	eval "nbdsh -u nbd://$address/one -c \"\$(cat $tmp/client.py)\" >$tmp/said"
ok "a read of a disk that was removed fails with EIO" fails "read"
ok "a write to a disk that was removed fails with EIO, and not with ENOSPC" fails "write"
ok "a long write to a disk that was removed fails with EIO" fails "long write"
ok "a write of zeroes to a disk that was removed fails with EIO" fails "zeroes"
counters_refresh
ok "arena-sp itself has answered each request of a disk that was removed with an error" \
	test "$(counter "arena-sp 0" errors)" -ge 4
arenad_stop
is "arenad ends with status 0 after its disk was removed" "$status" 0
done_testing
