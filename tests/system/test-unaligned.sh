#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on a disk with blocks of 4096 bytes, requests of any alignment read and write the
# right bytes, with registered buffers and with plain ones.
# timeout: 400
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

disk2=${VM_DISK2:?names a disk of 64 MiB that may be overwritten}
is "the test's disk has blocks of 4096 bytes" "$(blockdev --getss "$disk2")" 4096

# try NAME ARENAD-OPTION...: run a client that compares the disk with a model
try()
{
	local name=$1

	shift
	dd if=/dev/zero "of=$disk2" bs=1M oflag=direct status=none 2>/dev/null
	arenad_start --size 256M --page-size 2M --disk "one=$disk2" "$@"
	ok "with $name the disk's content is that of the model" "$BUILD/tests/native/nbd-model" \
		"${address%:*}" "${address##*:}" one 150
	counters_refresh
	ok "with $name the SP completed partial blocks" test "$(counter arena-sp rmw)" -gt 0
	is "with $name the SP counted no error" "$(counter arena-sp errors)" 0
	arenad_stop
	is "with $name arenad ends with status 0" "$status" 0
}

pages_2m 128
try "registered buffers"
try "plain buffers" --no-fixed-buffers
done_testing
