#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: fio reads what it wrote by its nbd engine, by several jobs at once, with trims and in
# requests of any length. fsx, which makes random operations on one file, is in no package of Debian
# 13 and in no source that stands alone: fio and nbd-tester-client's traces do the like here.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio losetup

disk_b=$(loop "$(disk b 64M)")
[ -z "$disk_b" ] || at_exit losetup --detach "$disk_b"
arenad_start --size 512M --disk "a=$(disk a 64M)" --disk "b=${disk_b:-$tmp/b.img}"
diag "disk b is ${disk_b:-a file}"
# verified EXPORT OPTION...: run fio on an export
verified()
{
	local uri=nbd://$address/$1

	shift
	short timeout 200 fio --ioengine=nbd "--uri=$uri" --verify_state_save=0 --verify_fatal=1 "$@"
}
for export in a b; do
	ok "fio reads what it wrote to disk $export by 4 jobs at depth 32, each on a part of its own" \
		verified "$export" --name=parts --numjobs=4 --rw=randrw --bs=4k --iodepth=32 --size=16M \
		--offset_increment=16M --verify=crc32c
	ok "fio reads what it wrote to disk $export in requests of any length and alignment" \
		verified "$export" --name=any --rw=randwrite --bsrange=512-300k --bs_unaligned \
		--iodepth=16 --size=64M --io_size=48M --verify=sha1
	ok "fio reads what it wrote to disk $export beside a job that trims another part" \
		verified "$export" --bs=16k --iodepth=16 --size=32M \
		--name=trims --rw=randtrim --offset=32M --name=writes --rw=randwrite --verify=crc32c
	ok "fio trims each block of disk $export before it writes it, and reads what it wrote" \
		verified "$export" --name=trimwrite --rw=trimwrite --bs=32k --size=16M \
		--iodepth=8 --verify=crc32c
	ok "fio reads what it wrote to disk $export with a flush after each 8 writes" \
		verified "$export" --name=flushes --rw=randwrite --bs=8k --iodepth=8 --size=64M \
		--io_size=4M --fsync=8 --verify=md5 --verify_backlog=64
	ok "fio trims disk $export" verified "$export" --name=trim --rw=randtrim --bs=64k \
		--iodepth=16 --size=64M
	ok "fio reads zeroes where it has trimmed disk $export" verified "$export" --name=zeroes \
		--rw=read --bs=1M --iodepth=4 --size=64M --verify=pattern --verify_pattern=0
done
skip "fio reads what it wrote among trims that it makes itself (trim_percentage)" \
	"fio 3.39 crashes at this, with nbdkit too"
counters_refresh
is "arena-np counts no bad message after fio" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after fio" "$status" 0
done_testing
