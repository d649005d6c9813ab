#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module with several network processes and disks, clients whose connections are spread
# over all of them find what they wrote, a flush covers what was written through another network
# process, and a death is not spread.
# Method: to show what a flush covers, a null_blk disk with a volatile cache loses its power.
# timeout: 400
# run: long
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
requires nbdinfo nbdcopy nbdsh nbd-client mkfs.ext4 fsck.ext4

disk2=${VM_DISK2:?names a disk that may be overwritten}
pages_2m 128
free=$(free_pages 2048)
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
start() { arenad_start --size 256M --page-size 2M "$@"; }
head -c 24M /dev/urandom >"$tmp/image"

# copies EXPORT: four connections write the image, and four others read it
copies()
{
	nbdcopy --connections=4 --flush "$tmp/image" "nbd://$address/$1" &&
		nbdcopy --connections=4 "nbd://$address/$1" - | head -c 24M | cmp - "$tmp/image"
}

# spread N: have N network processes had a client each at least?
spread()
{
	local i

	for ((i = 0; i < $1; i++)); do
		[ "$(clients_of "$i")" -ge 1 ] || return 1
	done
}

start --nps 2 --disk "one=$disk0" --disk "two=$disk1"
is "two network and two storage processes have the region attached" "$(region attached)" 4
ok "each of two network and two storage processes has a view of its own" on_own_views
for name in one two; do
	ok "an image is copied to disk $name and back over two network processes" copies $name
done
modprobe nbd nbds_max=2 || skip_all "this kernel has no nbd module"
mkdir "$tmp/mnt"
detach()
{
	umount "$tmp/mnt" 2>/dev/null
	nbd-client -d /dev/nbd0 >/dev/null 2>&1
}
at_exit detach
counters_refresh
before=("$(clients_of 0)" "$(clients_of 1)")
ok "the kernel's client connects four times" \
	nbd-client "${address%:*}" "${address##*:}" -C 4 -N one /dev/nbd0
counters_refresh
for i in 0 1; do
	ok "network process $i has connections of the kernel's client" \
		[ "$(clients_of $i)" -gt "${before[i]}" ]
done
ok "a file system is made over connections to two network processes" mkfs.ext4 -q -F /dev/nbd0
ok "the file system is mounted over two network processes" mount /dev/nbd0 "$tmp/mnt"
ok "files are written over two network processes" \
	eval "cp -r $top/kmod $tmp/mnt/ && cp $tmp/image $tmp/mnt/big"
ok "the file system is unmounted over two network processes" umount "$tmp/mnt"
ok "the files are the same when two network processes have read them again" \
	eval "mount -o ro /dev/nbd0 $tmp/mnt && diff -r $top/kmod $tmp/mnt/kmod &&
	cmp $tmp/image $tmp/mnt/big && umount $tmp/mnt"
nbd-client -d /dev/nbd0 >/dev/null 2>&1
ok "fsck.ext4 finds no error on the disk that two network processes wrote" \
	fsck.ext4 -f -n "$disk0"

crowd_start two two 4
is "four clients of two network processes write and verify on the module" "$answer" ready
first=$(children arena-np | head -n 1)
kill -KILL "$first"
ok "clients of one network process go on when the other one was killed" crowd_goes two 1
ok "a killed network process of two is named" says "arena-np 0 (process $first) was killed"
ok "clients that come then are served" copies one
crowd_stop two
ok "no client has read wrong data when a network process was killed" \
	eval '[[ $answer == *"wrong 0" ]]'
pid=$(children arena-sp | head -n 1)
kill -KILL "$pid"
ok "a killed storage process of two is named" \
	wait_for 30 says "arena-sp 0 (disk one) (process $pid) was killed"
ok "clients of its disk are served by its successor" copies one
arenad_stop
is "arenad ends with status 0 after one of two storage processes was killed" "$status" 0
ok "all huge pages are free after processes of several kinds were killed" wait_for 20 pages_back

start --nps 3 --size 384M --disk "one=$disk0"
ok "three network processes serve one disk" copies one
counters_refresh
ok "each of three network processes has had a client" spread 3
arenad_stop
is "arenad ends with status 0 after three network processes" "$status" 0

start --disk "one=$disk0" --disk "two=$disk1" --disk "three=$disk2"
for name in one two three; do
	ok "clients reach disk $name of three" copies $name
done
arenad_stop
is "arenad ends with status 0 after three storage processes" "$status" 0

start --nps 2 --reuse-port --disk "one=$disk0"
ok "two network processes with sockets of their own serve a disk" copies one
arenad_stop

# A disk with a volatile cache, which loses what was not flushed when its power is switched off.
null=/sys/kernel/config/nullb/nullb0
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
if modprobe null_blk nr_devices=0 && mkdir "$null"; then
	at_exit rmdir "$null"
	echo 128 >"$null/size"
	echo 1 >"$null/memory_backed"
	echo 64 >"$null/cache_size"
	echo 1 >"$null/power"
	start --nps 2 --hold 0 --disk one=/dev/nullb0
	ok "clients are told that a flush of one connection covers all connections" \
		nbdinfo --can multi-conn "nbd://$address/one"
	counters_refresh
	before=("$(clients_of 0)" "$(clients_of 1)")
	ok "a client writes on one connection, flushes on the other, and writes once more" nbdsh -c '
a, b = nbd.NBD(), nbd.NBD()
for h in a, b:
	h.set_export_name("one")
	h.connect_uri("nbd://'"$address"'/one")
a.pwrite(b"A" * 65536, 0)
b.pwrite(b"B" * 65536, 1 << 20)
b.flush()
a.pwrite(b"C" * 65536, 2 << 20)'
	counters_refresh
	for i in 0 1; do
		is "network process $i had one of the two connections" \
			"$(clients_of $i)" "$((before[i] + 1))"
	done
	# So it cannot flush at its end.
	children arena-sp | xargs kill -KILL
	arenad_wait
	wait_for 20 pages_back
	echo 0 >"$null/power"
	echo 1 >"$null/power"
	at()
	{
		dd if=/dev/nullb0 bs=64k skip="$(($1 * 16))" count=1 iflag=direct status=none |
			tr -d '\0' | head -c 1
	}
	is "what one network process wrote is on the disk after the flush of the other one" \
		"$(at 0)" A
	is "what a network process wrote is on the disk after its own flush" "$(at 1)" B
	is "the disk has lost what was written after the flush, so its cache is volatile" "$(at 2)" ""
	echo 0 >"$null/power"
else
	skip "a flush covers writes of the other network process" "this kernel has no null_blk"
fi
done_testing
