#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients notice nothing but a pause when arenad's storage processes are killed, with NVMe
# commands and with device mapper: all that fio reads is right. A successor waits for what the disk
# still does for the dead process, and then does it again.
# timeout: 300
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/restart-lib.sh
. "$(dirname "$0")/../native/restart-lib.sh"
requires fio qemu-io

# load EXPORT: write, read and verify until $tmp/enough is there; it fails with the first error
load()
{
	local n=0

	until [ -e "$tmp/enough" ]; do
		fio --name="$1" --ioengine=nbd --uri="nbd://$address/$1" --rw=randrw --size=32M \
			--io_size=16M --iodepth=16 --bsrange=4k-128k --verify=crc32c \
			--verify_state_save=0 --randseed="$n" >"$tmp/fio.$1" 2>&1 || return 1
		n=$((n + 1))
	done
}
io() { qemu-io -f raw -c "$2" "nbd://$address/$1"; }
used() { counters_refresh && counter arena-sp used_buffers; }
has_come() { counters_refresh; [ "$(counter "arena-sp 1" writes)" -gt "$before" ]; }
has_all_buffers() { [ "$(used)" -le "$usual" ]; }

slow_disk
pages_2m 256
arenad_start --size 256M --page-size 2M --disk "one=$disk1" --disk two=/dev/mapper/slow
sleep 2
usual=$(used)
load one & first=$!
load two & second=$!
for i in 1 2 3; do
	kill_process arena-sp 0
	sleep 0.5
	kill_process arena-sp 1
	sleep 0.5
done
touch "$tmp/enough"
wait "$first"
is "fio verifies all that it reads of an NVMe disk whose storage process is killed" $? 0
wait "$second"
is "fio verifies all that it reads of a device of device mapper whose storage process is killed" \
	$? 0
counters_refresh
is "the first disk was served by NVMe commands" "$(counter "arena-sp 0" backend)" nvme

# The write is done by the dead process, and again by its successor.
before=$(counter "arena-sp 1" writes)
dmsetup suspend --nolockfs slow
io two "write -P 7 40M 1M" >"$tmp/io" 2>&1 &
writer=$!
ok "a write has come to the storage process whose disk hangs" wait_for 30 has_come
# It gives the disk what it has taken before it prints its counters once more.
counters_refresh
kill -KILL "$(process_of arena-sp 1)"
ok "clients of the other disk go on when a storage process was killed whose disk hangs" \
	io one "write -P 8 40M 1M"
ok "a write still waits while the disk does it for the process that was killed" \
	kill -0 "$writer"
dmsetup resume slow
ok "a write succeeds when the disk goes on that hung as its storage process was killed" \
	wait "$writer"
ok "the write that waited is on the disk" io two "read -P 7 40M 1M"
ok "the storage processes have all of their buffers after they were killed" \
	wait_for 60 has_all_buffers
is "no message was bad after storage processes were killed" \
	"$(counter arena-sp bad_messages) $(counter arena-np bad_messages)" "0 0"
arenad_stop
is "arenad ends with status 0 after its storage processes were killed" "$status" 0
done_testing
