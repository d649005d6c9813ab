#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when an SP ends, its export ends and nothing else does: the clients of that export get
# errors, and the clients of other exports are served as before.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo nbdcopy

head -c 48M /dev/urandom >"$tmp/image"

fails_with() { ! "${@:2}" 2>"$tmp/error" && grep -q -- "$1" "$tmp/error"; }

# broken_export MODE REASON: run np-rig in MODE, in which SP 0 goes wrong; arena-np logs REASON
broken_export()
{
	rig_start --mode "$1" --sps 2 -- --hold 0
	ok "mode $1: requests in flight at the broken SP fail with EIO" \
		fails_with "Input/output error" \
		timeout 20 nbdcopy "$tmp/image" "nbd://$address/d0"
	ok "mode $1: arena-np logs why the export is out of service" \
		says "export 'd0' is out of service: $2"
	ok "mode $1: arena-np refuses a new client of the export that is out of service" \
		eval "! nbdinfo --size nbd://$address/d0"
	is "mode $1: arena-np lists the other export only" \
		"$(nbdinfo --list "nbd://$address" | grep -o 'export="d."')" 'export="d1"'
	ok "mode $1: nbdcopy writes an image to the other export" \
		nbdcopy --request-size=33554432 "$tmp/image" "nbd://$address/d1"
	ok "mode $1: nbdcopy reads the image from the other export" \
		nbdcopy "nbd://$address/d1" "$tmp/back"
	ok "mode $1: the image that was read is the one that was written" \
		cmp -n 50331648 "$tmp/image" "$tmp/back"
	counters_refresh
	ok "mode $1: arena-np withholds payload buffers that the broken SP's disk may still read" \
		test "$(counter arena-np withheld_buffers)" -gt 0
	arenad_stop
	is "mode $1: arena-np ends with status 0" "$status" 0
}

broken_export die "its storage process has ended"
broken_export flood "it sent more messages than it may"
done_testing
