#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: aligned reads and writes reach the disk, and nothing of them is copied but the first bytes
# of a stream of writes, before the network process knows their length.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy

path=$(disk d 64M)
head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 512M --disk "d=$path"
ok "nbdcopy writes an image" nbdcopy --flush "$tmp/image" "nbd://$address/d"
ok "the disk has the image" cmp "$tmp/image" "$path"
ok "nbdcopy reads the image" nbdcopy "nbd://$address/d" "$tmp/back"
ok "nbdcopy read what the image has" cmp "$tmp/image" "$tmp/back"
counters_refresh
is "the storage process copied nothing" "$(counter arena-sp copied_bytes)" 0
ok "the network process copied less than a thousandth of what was written" \
	test $(($(counter arena-np copied_bytes) * 1000)) -lt "$(counter arena-np bytes_in)"
is "bytes written" "$(counter arena-sp bytes_written)" $((64 << 20))
is "bytes read" "$(counter arena-sp bytes_read)" $((64 << 20))
is "one address in both" "$(counter arena-sp region_addr)" "$(counter arena-np region_addr)"
is "handoffs to the NP" "$(counter arena-sp handoffs_sent)" "$(counter arena-np handoffs_received)"
is "handoffs to the SP" "$(counter arena-np handoffs_sent)" "$(counter arena-sp handoffs_received)"
arenad_stop
is "stops well" "$status" 0
done_testing
