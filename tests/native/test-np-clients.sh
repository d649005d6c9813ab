#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: common NBD clients work with arena-np and arena-sp, with every kind of request that they
# have. The network process copies no byte that is read, and few of the bytes that are written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdcopy fio qemu-img qemu-io nbdkit

head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 512M --disk "one=$(disk one 64M)" --description "one=the first disk" --default-export one --disk "two=$(disk two 128M)"
one=nbd://$address/one
two=nbd://$address/two

info() { nbdinfo "$@" >"$tmp/info" 2>&1; }
has() { grep -q -- "$1" "$tmp/info" || { cat "$tmp/info"; return 1; }; }

ok "nbdinfo asks arena-np about the default export and gets an answer" info "nbd://$address"
ok "the default export has the size of the first disk" has "export-size: 67108864 "
ok "arena-np offers FLUSH" has "can_flush: true"
ok "arena-np offers FUA" has "can_fua: true"
ok "arena-np offers TRIM of a file" has "can_trim: true"
ok "arena-np offers WRITE_ZEROES" has "can_zero: true"
ok "arena-np offers FAST_ZERO" has "can_fast_zero: true"
ok "arena-np offers CACHE" has "can_cache: true"
ok "arena-np offers DF" has "can_df: true"
ok "arena-np offers the context base:allocation" has "base:allocation"
ok "arena-np speaks extended headers" has "extended packets"
ok "arena-np allows several connections to one export" has "can_multi_conn: true"
ok "arena-np offers a disk that can be written as writable" has "is_read_only: false"
ok "arena-np says that requests have at least one byte" has "block_size_minimum: 1$"
ok "arena-np says that it prefers requests of 4096 bytes" has "block_size_preferred: 4096"
ok "arena-np says that requests have at most 32 MiB" has "block_size_maximum: 33554432"
ok "nbdinfo asks arena-np for a list of its exports and gets one" info --list "nbd://$address"
ok "the list has the first export" has 'export="one"'
ok "the list has the description of the first export" has "description: the first disk"
ok "the list has the second export" has 'export="two"'
is "the second export has the size of the second disk" "$(nbdinfo --size "$two")" 134217728
ok "arena-np refuses a client that names an unknown export" eval "! nbdinfo nbd://$address/three"

ok "nbdcopy writes an image to the first export" nbdcopy --flush "$tmp/image" "$one"
counters_refresh
copied=$(counter arena-np copied_bytes)
ok "nbdcopy reads the image from the first export" nbdcopy "$one" "$tmp/back"
ok "the image that was read from the first export is the one that was written" \
	cmp "$tmp/image" "$tmp/back"
counters_refresh
is "the network process copied no byte that was read" \
	"$(counter arena-np copied_bytes)" "$copied"
ok "nbdcopy writes the image to the second export by 8 connections in requests of 32 MiB" \
	nbdcopy --connections=8 --request-size=33554432 "$tmp/image" "$two"
ok "nbdcopy reads the second export by 8 connections in requests of 32 MiB" \
	nbdcopy --connections=8 --request-size=33554432 "$two" "$tmp/back"
ok "the image that was read from the second export is the one that was written" \
	cmp -n 67108864 "$tmp/image" "$tmp/back"

ok "fio reads what it wrote in blocks of 4 KiB at depth 32" \
	fio --name=aligned --ioengine=nbd --uri="$one" \
	--rw=randrw --bs=4k --size=64M --io_size=32M --iodepth=32 --verify=crc32c \
	--verify_state_save=0
ok "fio reads what it wrote in requests of any length and alignment" fio --name=unaligned \
	--ioengine=nbd --uri="$two" --rw=randwrite --bsrange=512-200k --bs_unaligned \
	--size=64M --io_size=32M --iodepth=16 --verify=md5 --verify_fatal=1 \
	--verify_state_save=0

ok "qemu-io reads what it wrote across the bounds of blocks" qemu-io -f raw "$one" \
	-c "write -P 1 0 1M" -c "write -P 2 4095 2" -c "write -P 3 511 513" \
	-c "read -P 1 0 511" -c "read -P 3 511 513" -c "read -P 1 1024 3071" \
	-c "read -P 2 4095 2" -c "read -P 1 4097 100001" -c "flush"
ok "qemu-io reads what it wrote with FUA" qemu-io -f raw "$one" -c "write -f -P 5 1234 5678" \
	-c "read -P 5 1234 5678"
ok "qemu-img copies the second export and finds no difference to the copy" eval \
	"qemu-img convert -f raw -O raw $two $tmp/copy && \
	 qemu-img compare -f raw -F raw $two $tmp/copy"

# Holes: nbdcopy and qemu-img ask where they are, and leave them out.
map() { nbdinfo --map "$@" | awk '{ print $1, $2, $3 }' | xargs; }
head -c 1M /dev/urandom >"$tmp/mega"
ok "qemu-io makes the second export zero without holes, then trims it" qemu-io -f raw "$two" \
	-c "write -z 0 128M" -c "discard 0 128M"
ok "qemu-img writes an image that is mostly holes" eval "
	truncate -s 128M $tmp/sparse
	dd if=$tmp/mega of=$tmp/sparse bs=1M seek=7 conv=notrunc status=none
	qemu-img convert -n -f raw -O raw $tmp/sparse $two"
is "nbdinfo finds the data and the holes of this image" "$(map "$two")" \
	"0 7340032 3 7340032 1048576 0 8388608 125829120 3"
is "nbdinfo adds up the data and the holes of this image" \
	"$(nbdinfo --map --totals "$two" | awk '{ print $1, $3 }' | xargs)" "1048576 0 133169152 3"
ok "nbdcopy copies the image with its holes" nbdcopy "$two" "$tmp/copied"
ok "the copy of the image has the bytes of the image" cmp "$tmp/sparse" "$tmp/copied"
ok "qemu-io reads zeroes where the image has holes" qemu-io -f raw "$two" -c "read -P 0 16M 32M" \
	-c "read -P 0 6M 1M" -c "read -P 0 8M 1M"
ok "nbdkit in front of arena-np passes requests of all kinds on" nbdkit -U - nbd uri="$two" --run \
	"qemu-io -f raw \"\$uri\" -c 'write -P 9 5M 1M' -c 'read -P 9 5M 1M' -c 'write -z 5M 1M' \
	-c 'read -P 0 5M 1M' -c 'discard 5M 1M' -c flush && nbdinfo --map \"\$uri\""
ok "nbdkit finds no difference between an image and its copy by simple replies" eval "
	nbdkit -U - nbd uri=$two --filter=noextents --run 'nbdcopy \"\$uri\" $tmp/copied' &&
	cmp $tmp/sparse $tmp/copied"

counters_refresh
ok "the network process copied less than a tenth of the bytes that were written" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
is "the network process counted no bad message" "$(counter arena-np bad_messages)" 0
is "the network process refused no request" "$(counter arena-np refused)" 0
arenad_stop
is "arenad ends with status 0 after clients of all kinds" "$status" 0
done_testing
