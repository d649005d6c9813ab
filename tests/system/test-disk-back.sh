#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that goes away and comes back is served again, by a successor of its storage process,
# and requests wait for it; another disk in its place is not served; other disks go on.
# Method: the driver of an NVMe controller is unbound and bound again, a null_blk device is switched
# off and on, and the table of a device of device mapper is swapped for errors and back.
# timeout: 300
# run: long
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io dmsetup

# io EXPORT COMMAND...: qemu-io's commands
io()
{
	local export=$1 args=() command

	shift
	for command in "$@"; do
		args+=(-c "$command")
	done
	timeout 100 qemu-io -f raw "${args[@]}" "nbd://$address/$export"
}

# fails COMMAND: qemu-io says that the command failed with EIO at the first disk
fails()
{
	io one "$1" >"$tmp/io" 2>&1
	cat "$tmp/io"
	grep -q "Input/output error" "$tmp/io"
}

# stay EXPORT: run qemu-io, which has connected when this returns, and does what tell says
stay()
{
	exec {stay_in}> >(timeout 100 qemu-io -f raw "nbd://$address/$1" >"$tmp/stay" 2>&1)
	stay_pid=$!
	tell "read 0 512"
	wait_for 30 grep -q "^read 512" "$tmp/stay"
}
tell() { echo "$1" >&"$stay_in"; }

# stay_end: let it end
stay_end()
{
	exec {stay_in}>&-
	wait "$stay_pid"
	cat "$tmp/stay"
}
stay_failed() { grep "failed: " "$tmp/stay"; }

# The controller of the second NVMe disk, by its address on the bus.
name=$(basename "$disk1")
bus=$(basename "$(readlink -f "/sys/block/$name/device/device")")
driver=/sys/bus/pci/drivers/nvme

plug()
{
	arenad_kill
	[ -e "$driver/$bus" ] || echo "$bus" >"$driver/bind"
	wait_for 20 test -b "$disk1"
}
at_exit plug

# go_and_return WAY: the controller goes away while it is served, and comes back
go_and_return()
{
	local way=$1 with="a controller that is served by backend $1"

	arenad_start --size 256M --page-size 2M --disk "one=$disk1" --disk "two=$disk0" \
		--disk-backend "$way"
	ok "$with works at first" io one "write -P 1 0 2M" "read -P 1 0 2M"
	stay one
	# The size is looked up once in a second, so the request that comes now finds it out.
	sleep 1.5
	echo "$bus" >"$driver/unbind"
	tell "write -P 5 4M 2M"
	io one "write -P 2 0 2M" >"$tmp/waits" 2>&1 &
	writer=$!
	ok "arena-sp says that $with is gone" wait_for 60 says "$disk1 is gone: ending"
	ok "the successor waits for $with" wait_for 60 says "is not there: waiting"
	ok "another disk goes on without $with" io two "write -P 4 0 2M" "read -P 4 0 2M"
	echo "$bus" >"$driver/bind"
	ok "the driver finds $with again under the same name" wait_for 20 test -b "$disk1"
	ok "a write that has waited for $with succeeds" wait "$writer"
	ok "$with has the data of the write" io one "read -P 2 0 2M"
	ok "a client that had been connected to $with has ended" stay_end
	not_ok "its request that has found $with gone has not failed" stay_failed
	ok "$with has the data of that request" io one "read -P 5 4M 2M"
	ok "$with works again" io one "write -P 3 0 8M" "read -P 3 0 8M"
	ok "another disk has its data after $with has come back" io two "read -P 4 0 2M"
	arenad_stop
	is "arenad ends with status 0 after the return of $with" "$status" 0 || cat "$tmp/log"
}

pages_2m 128
go_and_return nvme
go_and_return block

# Requests do not wait for ever, and the process can be stopped while it waits for its disk.
arenad_start --size 256M --page-size 2M --disk "one=$disk1" --hold 3
ok "a disk works before it goes away for long" io one "write -P 1 0 2M"
echo "$bus" >"$driver/unbind"
not_ok "a client of a disk that does not come back is refused" io one "write -P 2 0 2M"
echo "$bus" >"$driver/bind"
ok "a disk that comes back late is served again" wait_for 60 io one "write -P 3 0 2M"
echo "$bus" >"$driver/unbind"
not_ok "a client of a disk that has gone away again is refused" io one "write -P 2 0 2M"
arenad_stop
is "arenad ends with status 0 while a storage process waits for its disk" "$status" 0
plug

slow_disk
arenad_start --size 256M --page-size 2M --disk one=/dev/mapper/slow --disk "two=$disk1"
# table TARGET: let the device of device mapper have this table
table()
{
	dmsetup suspend --nolockfs slow && dmsetup load slow --table "0 131072 $1" &&
		dmsetup resume slow
}
ok "a device of device mapper works at first" io one "write -P 1 0 2M"
table error
ok "a write to a device that has only errors fails with EIO" fails "write -P 2 0 2M"
ok "a read of a device that has only errors fails with EIO" fails "read 0 2M"
ok "another disk goes on beside one that has only errors" io two "write -P 4 0 2M"
table "linear $disk0 0"
ok "a device whose errors have ended works again, without another process" \
	io one "read -P 1 0 2M" "write -P 3 0 2M" "read -P 3 0 2M"
arenad_stop
is "arenad ends with status 0 after a device had errors" "$status" 0

null=/sys/kernel/config/nullb/nullb0
null_end()
{
	arenad_kill
	[ ! -d "$null" ] || { echo 0 >"$null/power"; rmdir "$null"; }
	modprobe -r null_blk
}
# power SIZE: have the device with that many MiB
power()
{
	echo "$1" >"$null/size" && echo 1 >"$null/power" && wait_for 10 test -b /dev/nullb0
}
if modprobe null_blk nr_devices=0; then
	at_exit null_end
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	mkdir "$null"
	echo 1 >"$null/memory_backed"
	power 64
	arenad_start --size 256M --page-size 2M --disk one=/dev/nullb0 --disk "two=$disk1"
	ok "a null_blk device works at first" io one "write -P 1 0 2M"
	echo 0 >"$null/power"
	io one "write -P 2 0 2M" >"$tmp/waits" 2>&1 &
	writer=$!
	ok "arena-sp says that the null_blk device is gone" wait_for 60 says "/dev/nullb0 is gone"
	power 32
	ok "a smaller device in its place is refused" wait_for 60 says "there is another disk"
	echo 0 >"$null/power"
	power 64
	ok "a write that has waited for the null_blk device succeeds" wait "$writer"
	ok "the null_blk device works again" io one "read -P 2 0 2M"
	arenad_stop
	is "arenad ends with status 0 after the null_blk device came back" "$status" 0
else
	skip "a null_blk device that comes back is served again" "this kernel has no null_blk"
fi
done_testing
