#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module and two NVMe disks real clients write, read and verify; NP and SPs work
# on views of their own and copy no byte.
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

not_ok "with the module arenad does not warn that processes are not protected" says "not protected"
is "each NP and both SPs have the region attached" "$(region attached)" $((NPS + 2))
ok "the NP and each SP are attached through the views of their roles" on_own_views
is "nbdinfo shows the size of the disk" "$(nbdinfo --size "$one")" "$size"
is "nbdinfo --list shows both disks" "$(nbdinfo --list "nbd://$address" | grep -c '^export=')" 2

ok "nbdcopy writes an image" nbdcopy --flush "$tmp/image" "$one"
ok "the image that nbdcopy wrote is on the disk" \
	eval "dd if=$disk0 bs=1M count=64 iflag=direct status=none |
	cmp - $tmp/image"
ok "nbdcopy reads the same image" eval "nbdcopy $one - | head -c 64M | cmp - $tmp/image"
ok "qemu-img reads the same image" eval "qemu-img dd -f raw -O raw bs=1M count=64 \
	if=$one of=$tmp/copy && cmp $tmp/copy $tmp/image"
ok "fio writes to both disks at once and verifies them" fio --ioengine=nbd --rw=randwrite \
	--bsrange=4k-128k --io_size=24M --size=64M --iodepth=16 --verify=crc32c --verify_state_save=0 \
	--name=one "--uri=$one" --name=two "--uri=$two"
counters_refresh
ok "the NP has copied less than a tenth of what clients wrote" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
is "no SP has copied a byte" "$(grep -c 'arena-sp [01]: counters.* copied_bytes=0 ' "$tmp/log")" 2

ok "qemu-io reads what it wrote at unaligned offsets" qemu-io -f raw "$two" \
	-c "write -P 1 0 1M" -c "write -P 2 4095 2" -c "write -P 3 511 513" \
	-c "read -P 1 0 511" -c "read -P 3 511 513" -c "read -P 1 1024 3071" \
	-c "read -P 2 4095 2" -c "read -P 1 4097 100001" -c "flush" \
	-c "write -f -P 5 1234 5678" -c "read -P 5 1234 5678"
ok "nbdcopy writes with the greatest requests" nbdcopy --connections=2 --requests=4 \
	--request-size=33554432 "$tmp/image" "$two"
ok "nbdcopy reads back with the greatest requests" \
	eval "nbdcopy --connections=2 --request-size=33554432 $two $tmp/back &&
	cmp -n 67108864 $tmp/image $tmp/back"
counters_refresh
is "the NP received no bad message" "$(counter arena-np bad_messages)" 0

arenad_stop
is "arenad ends with status 0 on SIGTERM" "$status" 0
not_ok "the region's name is removed when arenad ends" test -e /dev/mshare/test
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
# The kernel frees an SP's ring and its registered buffers some time after its end.
ok "all huge pages are free after arenad ended" wait_for 20 pages_back
done_testing
