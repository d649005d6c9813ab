#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-sp serves a namespace of an NVMe controller by NVMe commands, with blocks of 512 and
# of 4096 bytes, by either of its devices and with plain buffers. It serves a partition through the
# block layer. No other process can take the disk meanwhile. Discards and zeroes have the effect
# that the protocol defines.
# timeout: 900
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio nbdcopy perl

disk2=${VM_DISK2:?names a disk of 64 MiB that may be overwritten}
character=/dev/ng${disk0#/dev/nvme}
part=${disk0}p1

# serve NAME PATH ARENAD-OPTION...
serve()
{
	local path=$2

	name=$1
	shift 2
	arenad_start --size 256M --page-size 2M --disk "one=$path" "$@"
}

# ends WAY: the counters say that arena-sp used this backend and that no request failed
ends()
{
	counters_refresh
	is "$name: arena-sp serves the disk by the backend $1" "$(counter "arena-sp 0" backend)" "$1"
	is "$name: no request failed" "$(counter arena-sp errors)" 0
	is "$name: arena-sp counted no bad message of the network process" \
		"$(counter arena-sp bad_messages)" 0
	arenad_stop
	is "$name: arenad ends with status 0" "$status" 0
}

model()
{
	ok "$name: reads find byte for byte what writes of any alignment have written" \
		"$BUILD/tests/native/nbd-model" "${address%:*}" "${address##*:}" one 150
}

# partition OP: add (1) or remove (2) a partition of 64 MiB in the kernel's table, by BLKPG
partition()
{
	perl -e 'my ($dev, $op) = @ARGV;
		open(my $f, "+<", $dev) or die;
		my $p = pack("q q l Z64 Z64 x4", 1 << 20, 64 << 20, 1, "", "");
		my $arg = pack("l l l x4 P", $op, 0, length $p, $p);
		ioctl($f, 0x1269, $arg) or die "BLKPG: $!"' "$disk0" "$1"
}

# order NAME DISK: run sp-order, see sp-order.c
order()
{
	ok "$1: requests that overlap run in order, and zeroes and discards have their effect" \
		"$BUILD/tests/native/sp-order" "$BUILD/arena-sp" "$2" "$tmp/order" 300
	ok "$1: arena-sp carries out these requests by commands of the namespace" \
		grep -q 'backend=nvme' "$tmp/order"
	diag "$(grep 'serving\|discards=[^0]' "$tmp/order" | head -n 2)"
	rm "$tmp/order"
}

pages_2m 128
arenad_run --size 256M --page-size 2M --disk "one=$disk0" --iopoll
arenad_wait
is "arenad --iopoll ends with status 1 at a disk without queues for polling" "$status" 1
ok "arena-sp says how an NVMe controller gets queues for polling" \
	says "has no queues that can be polled; the parameter nvme.poll_queues=N"
order "blocks of 512 bytes" "$disk0"
order "blocks of 4096 bytes" "$disk2"

dd if=/dev/zero "of=$disk0" bs=1M count=65 oflag=direct status=none
serve "blocks of 512 bytes" "$disk0"
model
ok "$name: arena-sp completed blocks that were written in part" \
	test "$(counters_refresh; counter arena-sp rmw)" -gt 0
ok "$name: fio reads what it wrote at random places at depth 32" fio --name=v --ioengine=nbd \
	"--uri=nbd://$address/one" --rw=randwrite --bsrange=512-256k --blockalign=512 --size=24M \
	--iodepth=32 --verify=crc32c --verify_fatal=1 --output="$tmp/fio"
not_ok "$name: another process cannot open the disk exclusively" \
	perl -MFcntl -e 'sysopen(F, shift, O_RDWR | O_EXCL) or exit 1' "$disk0"
ends nvme

head -c 64M /dev/urandom >"$tmp/image"
serve "the character device" "$character"
ok "$name: nbdcopy writes an image in requests longer than the controller takes at once" \
	nbdcopy --flush --request-size=8388608 "$tmp/image" "nbd://$address/one"
ok "$name: nbdcopy reads the image in requests of 32 MiB" \
	nbdcopy --request-size=33554432 "nbd://$address/one" "$tmp/back"
ok "$name: the image that nbdcopy read is the one that it wrote" \
	cmp -n $((64 << 20)) "$tmp/image" "$tmp/back"
ok "$name: arena-sp split requests into more operations" \
	test "$(counters_refresh; counter arena-sp operations)" -gt 64
ends nvme
ok "the character device: the disk has the image that nbdcopy wrote" \
	cmp -n $((64 << 20)) "$tmp/image" "$disk0"
rm "$tmp/image" "$tmp/back"

dd if=/dev/zero "of=$disk2" bs=1M oflag=direct status=none 2>/dev/null
serve "blocks of 4096 bytes" "$disk2"
model
ok "$name: arena-sp completed blocks that were written in part" \
	test "$(counters_refresh; counter arena-sp rmw)" -gt 0
ends nvme

dd if=/dev/zero "of=$disk2" bs=1M oflag=direct status=none 2>/dev/null
serve "plain buffers" "$disk2" --no-fixed-buffers
model
ends nvme

dd if=/dev/zero "of=$disk0" bs=1M count=65 oflag=direct status=none
partition 1
wait_for 10 test -b "$part"
serve "a partition" "$part"
model
ends block
partition 2
done_testing
