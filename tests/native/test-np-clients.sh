#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: NBD clients of all kinds do all they can through arena-np and arena-sp. The network
# process copies nothing of what is read, and little of what is written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdcopy fio qemu-img qemu-io

head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 512M --disk "one=$(disk one 64M)" --disk "two=$(disk two 128M)"
one=nbd://$address/one
two=nbd://$address/two

info() { nbdinfo "$@" >"$tmp/info" 2>&1; }
has() { grep -q -- "$1" "$tmp/info" || { cat "$tmp/info"; return 1; }; }

ok "nbdinfo: the default export" info "nbd://$address"
ok "nbdinfo: its size" has "export-size: 67108864 "
ok "nbdinfo: flush" has "can_flush: true"
ok "nbdinfo: FUA" has "can_fua: true"
ok "nbdinfo: many connections" has "can_multi_conn: true"
ok "nbdinfo: writable" has "is_read_only: false"
ok "nbdinfo: least request" has "block_size_minimum: 1$"
ok "nbdinfo: preferred request" has "block_size_preferred: 4096"
ok "nbdinfo: greatest request" has "block_size_maximum: 33554432"
ok "nbdinfo --list" info --list "nbd://$address"
ok "nbdinfo --list: the first" has 'export="one"'
ok "nbdinfo --list: the second" has 'export="two"'
is "the second export's size" "$(nbdinfo --size "$two")" 134217728
ok "an unknown export is refused" eval "! nbdinfo nbd://$address/three"

ok "nbdcopy in" nbdcopy --flush "$tmp/image" "$one"
counters_print 3
copied=$(counter arena-np copied_bytes)
ok "nbdcopy out" nbdcopy "$one" "$tmp/back"
ok "it is the same" cmp "$tmp/image" "$tmp/back"
counters_print 3
is "the network process copies nothing of what is read" \
	"$(counter arena-np copied_bytes)" "$copied"
ok "the greatest requests in, 8 connections" \
	nbdcopy --connections=8 --request-size=33554432 "$tmp/image" "$two"
ok "the greatest requests out, 8 connections" \
	nbdcopy --connections=8 --request-size=33554432 "$two" "$tmp/back"
ok "it is the same" cmp -n 67108864 "$tmp/image" "$tmp/back"

ok "fio: verified" fio --name=aligned --ioengine=nbd --uri="$one" \
	--rw=randrw --bs=4k --size=64M --io_size=32M --iodepth=32 --verify=crc32c \
	--verify_state_save=0
ok "fio: verified, any size, any alignment" fio --name=unaligned \
	--ioengine=nbd --uri="$two" --rw=randwrite --bsrange=512-200k --bs_unaligned \
	--size=64M --io_size=32M --iodepth=16 --verify=md5 --verify_fatal=1 \
	--verify_state_save=0

ok "qemu-io: unaligned" qemu-io -f raw "$one" \
	-c "write -P 1 0 1M" -c "write -P 2 4095 2" -c "write -P 3 511 513" \
	-c "read -P 1 0 511" -c "read -P 3 511 513" -c "read -P 1 1024 3071" \
	-c "read -P 2 4095 2" -c "read -P 1 4097 100001" -c "flush"
ok "qemu-io: FUA" qemu-io -f raw "$one" -c "write -f -P 5 1234 5678" \
	-c "read -P 5 1234 5678"
ok "qemu-img: compare with a copy" eval \
	"qemu-img convert -f raw -O raw $two $tmp/copy && \
	 qemu-img compare -f raw -F raw $two $tmp/copy"

counters_print 3
ok "the network process copied less than a tenth of what was written" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
is "no message was bad" "$(counter arena-np bad_messages)" 0
is "no request was refused" "$(counter arena-np refused)" 0
arenad_stop
is "stops well" "$status" 0
done_testing
