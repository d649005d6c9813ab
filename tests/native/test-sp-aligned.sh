#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: aligned reads and writes reach the disk without a copy, except for the first bytes of a
# stream of writes, which come before the network process knows how long the writes are.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy

path=$(disk d 64M)
head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 512M --disk "d=$path"
ok "nbdcopy writes an image" nbdcopy --flush "$tmp/image" "nbd://$address/d"
ok "the disk has the image that nbdcopy wrote" cmp "$tmp/image" "$path"
ok "nbdcopy reads the image" nbdcopy "nbd://$address/d" "$tmp/back"
ok "the image that nbdcopy read is the one that it wrote" cmp "$tmp/image" "$tmp/back"
counters_refresh
is "the storage process copied no byte of aligned requests" "$(counter arena-sp copied_bytes)" 0
ok "the network process copied less than a thousandth of the bytes that were written" \
	test $(($(counter arena-np copied_bytes) * 1000)) -lt "$(counter arena-np bytes_in)"
is "the storage process wrote as many bytes as the image has" \
	"$(counter arena-sp bytes_written)" $((64 << 20))
is "the storage process read as many bytes as the image has" \
	"$(counter arena-sp bytes_read)" $((64 << 20))
is "NP and SP have the region at the same address" \
	"$(counter arena-sp region_addr)" "$(counter arena-np region_addr)"
is "the NP received as many handoffs as the SP sent" \
	"$(counter arena-sp handoffs_sent)" "$(counter arena-np handoffs_received)"
is "the SP received as many handoffs as the NP sent" \
	"$(counter arena-np handoffs_sent)" "$(counter arena-sp handoffs_received)"
arenad_stop
is "arenad ends with status 0 after aligned requests" "$status" 0
done_testing
