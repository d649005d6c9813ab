#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the payload of a WRITE goes to the disk by plain address, directly from the NP's part of
# the region, which is read-only in the SP's view.
# Method: first two processes that have attached the views of their roles, with pages of each
# size, and then the daemons.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy

pages_2m 128
for kib in 4 2048 1048576; do
	ok "a payload in pages of $kib KiB goes to the disk from a read-only view" \
		role-payload "$disk0" "$kib"
done

head -c 32M /dev/urandom >"$tmp/image"
arenad_start --size 256M --page-size 2M --disk "one=$disk0"
ok "the NP and the SP are attached through the views of their roles" on_own_views
ok "nbdcopy writes an image through NP and SP" nbdcopy --flush "$tmp/image" "nbd://$address/one"
ok "the image that nbdcopy wrote is on the disk" eval "dd if=$disk0 bs=1M count=32 iflag=direct \
	status=none | cmp - $tmp/image"
counters_refresh
ok "the NP has copied less than a thousandth of the image" \
	test $(($(counter arena-np copied_bytes) * 1000)) -lt "$(counter arena-np bytes_in)"
is "the SP has copied no byte of the image" "$(counter arena-sp copied_bytes)" 0
is "the SP has registered its own buffers where the kernel allows it" \
	"$(counter "arena-sp 0" fixed_buffers)" \
	"$(pins-by-mapping && echo 0 || echo 1)"
arenad_stop
is "arenad ends with status 0 after the image was written" "$status" 0
done_testing
