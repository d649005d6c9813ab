#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on a disk whose blocks are 4096 bytes, requests of any alignment give its
# contents byte for byte, with registered buffers and with plain ones.
# timeout: 400
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

disk2=${VM_DISK2:?names a disk of 64 MiB that may be overwritten}
is "the disk's blocks" "$(blockdev --getss "$disk2")" 4096

# try NAME ARENAD-OPTION...
try()
{
	local name=$1

	shift
	dd if=/dev/zero "of=$disk2" bs=1M oflag=direct status=none 2>/dev/null
	arenad_start --size 256M --page-size 2M --disk "one=$disk2" "$@"
	ok "$name: contents" "$BUILD/tests/native/nbd-model" \
		"${address%:*}" "${address##*:}" one
	counters_refresh
	ok "$name: blocks were completed" test "$(counter arena-sp rmw)" -gt 0
	is "$name: no error" "$(counter arena-sp errors)" 0
	arenad_stop
	is "$name: status" "$status" 0
}

pages_2m 128
try "registered buffers"
try "plain buffers" --no-fixed-buffers
done_testing
