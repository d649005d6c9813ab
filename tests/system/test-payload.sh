#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the payload of a WRITE goes to the disk by plain address, straight from the part of the
# NP, which the view of the SP shows it read-only.
# Method: two processes on the views of their roles, over pages of each size; then the daemons.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy

pages_2m 128
for kib in 4 2048 1048576; do
	ok "the payload goes to the disk out of a read-only view, in pages of $kib KiB" \
		role-payload "$disk0" "$kib"
done

head -c 32M /dev/urandom >"$tmp/image"
arenad_start --size 256M --page-size 2M --disk "one=$disk0"
ok "the NP and the SP are attached through the views of their roles" on_own_views
ok "nbdcopy writes through the daemons" nbdcopy --flush "$tmp/image" "nbd://$address/one"
ok "the disk has what nbdcopy wrote" eval "dd if=$disk0 bs=1M count=32 iflag=direct \
	status=none | cmp - $tmp/image"
counters_refresh
is "the NP has copied none of it" "$(counter arena-np copied_bytes)" 0
is "the SP has copied none of it" "$(counter arena-sp copied_bytes)" 0
is "the SP has registered buffers of its own" "$(counter arena-sp fixed_buffers)" \
	"$(pins-by-mapping && echo 0 || echo 1)"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
