#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the end of an SP ends its export and nothing else: its clients get
# errors, those of others go on.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo nbdcopy

head -c 48M /dev/urandom >"$tmp/image"

fails_with() { ! "${@:2}" 2>"$tmp/error" && grep -q -- "$1" "$tmp/error"; }

# broken_export MODE REASON
broken_export()
{
	rig_start --mode "$1" --sps 2 --
	ok "$1: requests in flight fail" fails_with "Input/output error" \
		timeout 20 nbdcopy "$tmp/image" "nbd://$address/d0"
	ok "$1: it says why" says "export 'd0' is out of service: $2"
	ok "$1: no new client" eval "! nbdinfo --size nbd://$address/d0"
	is "$1: it is not listed" \
		"$(nbdinfo --list "nbd://$address" | grep -o 'export="d."')" 'export="d1"'
	ok "$1: the other export takes data" \
		nbdcopy --request-size=33554432 "$tmp/image" "nbd://$address/d1"
	ok "$1: the other export gives data" \
		nbdcopy "nbd://$address/d1" "$tmp/back"
	ok "$1: the data is the same" cmp -n 50331648 "$tmp/image" "$tmp/back"
	np_counters
	ok "$1: what its disk may still read is not used again" \
		test "$(counter arena-np withheld_buffers)" -gt 0
	arenad_stop
	is "$1: stops well" "$status" 0
}

broken_export die "its storage process has ended"
broken_export flood "it sent more messages than it may"
done_testing
