#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a namespace of an NVMe controller is served by its commands, with blocks of 512 and of 4096
# bytes, by either of its devices and with plain buffers; a partition goes through the block layer;
# nobody else can take the disk meanwhile; what clients discard or zero reads as it should.
# timeout: 600
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
	arenad_start --size 1G --page-size 1G --disk "one=$path" "$@"
}

# ends WAY: the counters say that this way was taken, and that all went well
ends()
{
	counters_refresh
	is "$name: the way to the disk" "$(counter arena-sp backend)" "$1"
	is "$name: no request failed" "$(counter arena-sp errors)" 0
	is "$name: no message of the network process was bad" "$(counter arena-sp bad_messages)" 0
	arenad_stop
	is "$name: arenad ends well" "$status" 0
}

model()
{
	ok "$name: requests of any alignment give the disk's contents byte for byte" \
		"$BUILD/tests/native/nbd-model" "${address%:*}" "${address##*:}" one
}

# partition OP: add (1) or remove (2) a partition of 64 MiB in the kernel's mind, by BLKPG
partition()
{
	perl -e 'my ($dev, $op) = @ARGV;
		open(my $f, "+<", $dev) or die;
		my $p = pack("q q l Z64 Z64 x4", 1 << 20, 64 << 20, 1, "", "");
		my $arg = pack("l l l x4 P", $op, 0, length $p, $p);
		ioctl($f, 0x1269, $arg) or die "BLKPG: $!"' "$disk0" "$1"
}

# order NAME DISK: see sp-order.c
order()
{
	ok "$1: requests that overlap run in order; zeroes and discards do what they say" \
		"$BUILD/tests/native/sp-order" "$BUILD/arena-sp" "$2" "$tmp/order" 300
	ok "$1: by the commands of the namespace" grep -q 'backend=nvme' "$tmp/order"
	diag "$(grep 'serving\|discards=[^0]' "$tmp/order" | head -n 2)"
	rm "$tmp/order"
}

order "blocks of 512 bytes" "$disk0"
order "blocks of 4096 bytes" "$disk2"

dd if=/dev/zero "of=$disk0" bs=1M count=65 oflag=direct status=none
serve "blocks of 512 bytes" "$disk0"
model
ok "$name: blocks were completed" test "$(counters_refresh; counter arena-sp rmw)" -gt 0
ok "$name: what fio writes here and there at depth 32 it reads again" fio --name=v --ioengine=nbd \
	"--uri=nbd://$address/one" --rw=randwrite --bsrange=512-256k --blockalign=512 --size=24M \
	--iodepth=32 --verify=crc32c --verify_fatal=1 --output="$tmp/fio"
not_ok "$name: nobody can mount or open the disk for himself" \
	perl -MFcntl -e 'sysopen(F, shift, O_RDWR | O_EXCL) or exit 1' "$disk0"
ends nvme

head -c 64M /dev/urandom >"$tmp/image"
serve "the character device" "$character"
ok "$name: nbdcopy writes an image in requests longer than the controller takes at once" \
	nbdcopy --flush --request-size=8388608 "$tmp/image" "nbd://$address/one"
ok "$name: nbdcopy reads the image" \
	nbdcopy --request-size=33554432 "nbd://$address/one" "$tmp/back"
ok "$name: it is the same" cmp -n $((64 << 20)) "$tmp/image" "$tmp/back"
ok "$name: requests were split" \
	test "$(counters_refresh; counter arena-sp operations)" -gt 64
ends nvme
ok "the image is on the disk" cmp -n $((64 << 20)) "$tmp/image" "$disk0"
rm "$tmp/image" "$tmp/back"

dd if=/dev/zero "of=$disk2" bs=1M oflag=direct status=none 2>/dev/null
serve "blocks of 4096 bytes" "$disk2"
model
ok "$name: blocks were completed" test "$(counters_refresh; counter arena-sp rmw)" -gt 0
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
