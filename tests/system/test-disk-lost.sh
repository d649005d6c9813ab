#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when a disk with a volatile cache loses its power and comes back, each connection that was
# there before has one FLUSH fail if something was not flushed, also when its network process was
# replaced meanwhile. With a cache that is not volatile, and as long as the disk is there, nobody
# sees an error.
# Method: a null_blk device is switched off and on. With a cache it keeps what was written there
# only until it is switched off.
# timeout: 300
# vm: once
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/restart-lib.sh
. "$(dirname "$0")/../native/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/replace-lib.sh
. "$(dirname "$0")/../native/replace-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/lost-lib.sh
. "$(dirname "$0")/../native/lost-lib.sh"
requires nbdsh

modprobe null_blk nr_devices=0 || skip_all "this kernel has no null_blk"
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
null=/sys/kernel/config/nullb/nullb0
null_end()
{
	arenad_kill
	[ ! -d "$null" ] || { echo 0 >"$null/power"; rmdir "$null"; }
	modprobe -r null_blk
}
at_exit null_end

# disk_make CACHE: make the device, with a volatile cache of that many MiB
disk_make()
{
	mkdir "$null"
	echo 64 >"$null/size"
	echo 1 >"$null/memory_backed"
	echo "$1" >"$null/cache_size"
	echo 1 >"$null/power"
	wait_for 10 test -b /dev/nullb0
}

# has_gone N: has the device been gone more often than this?
has_gone() { [ "$(said '/dev/nullb0 is gone')" -gt "$1" ]; }

# leave: the device goes away and comes back, and a client that reads meanwhile waits for it
leave()
{
	local before

	before=$(said '/dev/nullb0 is gone')
	echo 0 >"$null/power"
	echo "read 1" >&"$client_in"
	wait_for 60 has_gone "$before"
	echo 1 >"$null/power"
	read -r -t 60 -u "$client_out" answer
	[ "$answer" = ok ]
}
start()
{
	arenad_start --size 256M --page-size 2M --disk one=/dev/nullb0 --disk "two=$disk1" \
		--max-deaths 100
}
# connect N: have a client with N connections
connect()
{
	local i

	client_start one
	for ((i = 0; i < $1; i++)); do
		client new "$i"
	done
	[ "$answer" = ok ]
}

pages_2m 128
disk_make 16
start
ok "a client connects three times to a disk with a volatile cache" connect 3
ok "it writes" gets ok write 0
kill_process arena-sp 0
ok "it flushes when the storage process was killed and the disk was always there" gets ok flush 0
ok "it writes on another connection" gets ok write 2
ok "the disk loses its power and comes back" leave
ok "the disk has what was flushed" gets ok has 0
ok "the disk has lost what was not flushed, so its cache is volatile" gets lost has 2
ok "the next flush of the connection that wrote it fails" gets EIO flush 2
ok "the second flush of that connection succeeds" gets ok flush 2
ok "the next flush of another connection fails, as it covers that write" gets EIO flush 0
ok "the second flush of another connection succeeds" gets ok flush 0
ok "a client connects when the disk is back" gets ok new 3
ok "its first flush succeeds" gets ok flush 3
ok "a client writes, and flushes" eval 'gets ok write 0 && gets ok flush 0'
ok "the disk loses its power when nothing is at stake" leave
ok "a flush succeeds then" gets ok flush 0
ok "the disk still has what was flushed" gets ok has 0
ok "a client writes before the network processes are replaced" gets ok write 0
ok "the disk loses its power before the network processes are replaced" leave
replace
ok "the network processes are replaced" wait_for 90 replaced "$NPS"
ok "a flush of a connection that was handed over fails" gets EIO flush 0
ok "the next flush of a connection that was handed over succeeds" gets ok flush 0
client_end
arenad_stop
is "arenad ends with status 0 after the disk has lost its power" "$status" 0

echo 0 >"$null/power"
rmdir "$null"
disk_make 0
start
ok "a client connects twice to a disk without a volatile cache" connect 2
ok "it writes there" gets ok write 0
ok "that disk loses its power and comes back" leave
ok "that disk has lost nothing" gets ok has 0
ok "a flush succeeds on a disk without a volatile cache" gets ok flush 0
client_end
arenad_stop
is "arenad ends with status 0 after a disk without a volatile cache was away" "$status" 0
done_testing
