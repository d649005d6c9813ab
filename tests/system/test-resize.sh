#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a device that grows or shrinks while it is served is told to new clients, and established
# ones get clean errors beyond its end, by the block layer and by NVMe commands.
# Method: a device of device mapper whose table is replaced, and a namespace of the kernel's own NVMe
# target above it, which tells its host of the change by an event, as a storage array does.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/resize-lib.sh
. "$(dirname "$0")/../native/resize-lib.sh"
requires nbdinfo python3 qemu-io

slow_disk
pages_2m 160

# has_size DISK BYTES
has_size() { [ "$(blockdev --getsize64 "$1")" = "$2" ]; }

# resize_slow BYTES: give the device of device mapper another size
resize_slow()
{
	dmsetup suspend slow
	dmsetup load slow --table "0 $(($1 / 512)) linear $disk0 0"
	dmsetup resume slow
	wait_for 20 has_size /dev/mapper/slow "$1"
}

# resize_target BYTES: the same with the namespace above it
resize_target()
{
	resize_slow "$1"
	echo 1 >"$target/subsystems/arena/namespaces/1/revalidate_size"
	wait_for 20 has_size "$target_disk" "$1"
}

# serve NAME DISK BACKEND RESIZE: a disk of 16 MiB
serve()
{
	arenad_start --size 128M --page-size 2M --disk "one=$2" --disk-backend "$3"
	resize_checks "$1" "nbd://$address/one" "$4"
	counters_refresh
	is "$1: arena-sp has served it by the backend $3" "$(counter "arena-sp 0" backend)" "$3"
	arenad_stop
	is "$1: arenad ends with status 0 after its device has changed its size" "$status" 0
}

resize_slow $((16 << 20))
serve "device mapper" /dev/mapper/slow block resize_slow

resize_slow $((16 << 20))
nvme_target /dev/mapper/slow
serve "NVMe commands" "$target_disk" nvme resize_target
resize_target $((16 << 20))
serve "an NVMe block device" "$target_disk" block resize_target
done_testing
