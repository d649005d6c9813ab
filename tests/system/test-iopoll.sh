#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with --iopoll, arena-sp serves a disk that has queues for polling, by NVMe commands and by
# its block device, and everything that overlaps, zeroes, flushes and is not aligned works as
# without. It refuses a disk that has none.
# timeout: 400
# vm: once
# vm: append=nvme.poll_queues=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio

# interrupts: of the disk's queues
interrupts()
{
	local name

	name=$(basename "$disk0")
	awk -v name="${name%n*}q" 'index($0, name) { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i }
		END { print n + 0 }' /proc/interrupts
}

# serve BACKEND
serve()
{
	arenad_start --size 256M --page-size 2M --disk "one=$disk0" --disk-backend "$1" --iopoll
}

pages_2m 128
for way in nvme block; do
	dd if=/dev/zero "of=$disk0" bs=1M count=65 oflag=direct status=none
	serve "$way"
	ok "$way: reads find byte for byte what writes of any alignment have written" \
		"$BUILD/tests/native/nbd-model" "${address%:*}" "${address##*:}" one 150
	counters_refresh
	before=$(interrupts)
	ios=$(($(counter arena-sp reads) + $(counter arena-sp writes)))
	ok "$way: fio reads what it wrote at random places at depth 32" fio --name=v --ioengine=nbd \
		"--uri=nbd://$address/one" --rw=randwrite --bsrange=4k-256k --blockalign=4k \
		--size=16M --iodepth=32 --verify=crc32c --verify_fatal=1 --output="$tmp/fio"
	counters_refresh
	ios=$(($(counter arena-sp reads) + $(counter arena-sp writes) - ios))
	ok "$way: the disk interrupts for less than one in ten of $ios reads and writes" \
		test $(($(interrupts) - before)) -lt $((ios / 10))
	is "$way: arena-sp used this backend" "$(counter "arena-sp 0" backend)" "$way"
	is "$way: arena-sp asked the disk for completions" "$(counter "arena-sp 0" iopoll)" 1
	is "$way: no request failed" "$(counter arena-sp errors)" 0
	arenad_stop
	is "$way: arenad ends with status 0" "$status" 0
done

arenad_run --size 256M --page-size 2M --disk "one=$(disk file 16M)" --iopoll
arenad_wait
is "arenad --iopoll ends with status 1 at a regular file" "$status" 1
ok "arena-sp says that the file has no queues that can be polled" \
	says "has no queues that can be polled"
done_testing
