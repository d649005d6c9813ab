#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the whole path on the module and two NVMe disks: real clients write, read
# and verify; NP and SPs work on views of their own and copy nothing.
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdcopy fio qemu-img qemu-io

pages_2m 256
free=$(free_pages 2048)
head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 512M --page-size 2M --disk "one=$disk0" --disk "two=$disk1"
one=nbd://$address/one
two=nbd://$address/two
size=$(blockdev --getsize64 "$disk0")

not_ok "it is the module, without the memfd's notice" says "not protected"
is "NP and both SPs are attached" "$(region attached)" 3
ok "the NP and each SP are attached through the views of their roles" on_own_views
is "nbdinfo: the disk's size" "$(nbdinfo --size "$one")" "$size"
is "nbdinfo --list: both disks" "$(nbdinfo --list "nbd://$address" | grep -c '^export=')" 2

ok "nbdcopy in" nbdcopy --flush "$tmp/image" "$one"
ok "it is on the disk" eval "dd if=$disk0 bs=1M count=64 iflag=direct status=none |
	cmp - $tmp/image"
ok "nbdcopy out" eval "nbdcopy $one - | head -c 64M | cmp - $tmp/image"
ok "qemu-img reads the same" eval "qemu-img dd -f raw -O raw bs=1M count=64 \
	if=$one of=$tmp/copy && cmp $tmp/copy $tmp/image"
ok "fio: both disks at once, verified" fio --ioengine=nbd --rw=randwrite \
	--bsrange=4k-128k --io_size=24M --size=64M --iodepth=16 --verify=crc32c --verify_state_save=0 \
	--name=one "--uri=$one" --name=two "--uri=$two"
counters_print 3
is "the NP has copied no byte" "$(counter arena-np copied_bytes)" 0
is "no SP has copied a byte" "$(grep -c 'arena-sp: counters.* copied_bytes=0 ' "$tmp/log")" 2

ok "qemu-io: any alignment" qemu-io -f raw "$two" \
	-c "write -P 1 0 1M" -c "write -P 2 4095 2" -c "write -P 3 511 513" \
	-c "read -P 1 0 511" -c "read -P 3 511 513" -c "read -P 1 1024 3071" \
	-c "read -P 2 4095 2" -c "read -P 1 4097 100001" -c "flush" \
	-c "write -f -P 5 1234 5678" -c "read -P 5 1234 5678"
ok "nbdcopy writes with the greatest requests" nbdcopy --connections=2 --requests=4 \
	--request-size=33554432 "$tmp/image" "$two"
ok "nbdcopy reads back with the greatest requests" eval "nbdcopy --connections=2 --request-size=33554432 $two $tmp/back &&
	cmp -n 67108864 $tmp/image $tmp/back"
counters_print 3
is "no message was bad" "$(counter arena-np bad_messages)" 0

arenad_stop
is "SIGTERM: status 0" "$status" 0
not_ok "the region's name is gone" test -e /dev/mshare/test
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
# The kernel ends an SP's ring, and its registered buffers, after the SP.
ok "the huge pages are back" wait_for 20 pages_back
done_testing
