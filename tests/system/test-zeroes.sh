#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-sp writes zeroes itself where the disk cannot: on a block device without Write
# Zeroes, and in a file system that cannot make holes. It refuses those that have to be fast, and
# it does not write to the end when it has to stop.
# Method: null_blk, which has no Write Zeroes; and a file on vfat, which has no fallocate(2) but for
# allocation.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires perl

config=/sys/kernel/config/nullb
modprobe null_blk nr_devices=0 2>/dev/null || [ -d "$config" ] || skip_all "needs null_blk"
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
[ -d "$config" ] || skip_all "needs null_blk with configfs"

remove_all()
{
	local d

	! mountpoint -q "$tmp/vfat" || umount "$tmp/vfat"
	for d in "$config"/nullb*; do
		[ ! -d "$d" ] || { echo 0 >"$d/power"; rmdir "$d"; }
	done
	modprobe -r null_blk 2>/dev/null || true
}
at_exit remove_all

# null_disk NAME ATTRIBUTE=VALUE...: make a disk in memory
null_disk()
{
	local d=$config/$1 setting

	mkdir "$d"
	shift
	for setting in memory_backed=1 "$@" power=1; do
		echo "${setting#*=}" >"$d/${setting%%=*}"
	done
	wait_for 10 test -b "/dev/${d##*/}"
}

# make_fat DISK: make a FAT16 of 512 MiB in clusters of 32 KiB
make_fat()
{
	dd if=/dev/zero "of=$1" bs=1M count=1 oflag=direct status=none
	perl -e 'my $fat = 66;
		my $boot = pack("a3 A8 v C v C v v C v v v V V C C C V A11 A8", "\xeb\x3c\x90",
			"arena", 512, 64, 1, 2, 512, 0, 0xf8, $fat, 32, 64, 0, 1 << 20, 0x80, 0,
			0x29, 1, "ARENA", "FAT16");
		open(my $f, "+<", shift) or die;
		print $f $boot, "\0" x (510 - length $boot), "\x55\xaa";
		for my $n (0, 1) {
			seek($f, 512 * (1 + $n * $fat), 0);
			print $f "\xf8\xff\xff\xff";
		}
		close($f) or die' "$1"
}

# order NAME DISK BACKEND: run sp-order, see sp-order.c
order()
{
	ok "$1: requests that overlap run in order, with zeroes that arena-sp writes itself" \
		"$BUILD/tests/native/sp-order" "$BUILD/arena-sp" "$2" "$tmp/order" 300 slow
	ok "$1: arena-sp serves the disk by the backend $3" grep -q "backend=$3" "$tmp/order"
	rm "$tmp/order"
}

null_disk nullb7 size=64 blocksize=512
is "null_blk has no Write Zeroes" "$(cat /sys/block/nullb7/queue/write_zeroes_max_bytes)" 0
order "blocks of 512 bytes" /dev/nullb7 block

null_disk nullb8 size=64 blocksize=4096
order "blocks of 4096 bytes" /dev/nullb8 block

make_fat "$disk1"
mkdir "$tmp/vfat"
mount -t vfat "$disk1" "$tmp/vfat"
head -c 64M /dev/urandom >"$tmp/vfat/image"
order "a file without holes" "$tmp/vfat/image" file
umount "$tmp/vfat"

# 20 ms for each operation, of which there are 8 at a time, each of 128 KiB: 20 s in all.
null_disk nullb9 size=1024 blocksize=4096 irqmode=2 completion_nsec=20000000
ok "a slow disk: arena-sp leaves zeroes that it has not written when it has to stop" \
	"$BUILD/tests/native/sp-stop" "$BUILD/arena-sp" /dev/nullb9 "$tmp/stop"
done_testing
