#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: reads and writes of any alignment give a disk's contents byte for byte,
# with registered buffers and without, and what is copied is only what a block
# needs. timeout: 240
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# run NAME ARGUMENT...: the model against a fresh disk
run()
{
	local name=$1 path
	shift
	path=$(disk "$name" 16M)
	arenad_start --size 512M --disk "$name=$path" "$@"
	ok "$name: contents" "$BUILD/tests/native/nbd-model" "${address%:*}" "${address##*:}" "$name"
	counters_refresh
	ok "$name: blocks were completed" test "$(counter arena-sp rmw)" -gt 0
	is "$name: no bad message" "$(counter arena-sp bad_messages)" 0
	is "$name: no error" "$(counter arena-sp errors)" 0
	# A head and a tail of less than a block, of 4096 at most, for each.
	ok "$name: no more was copied than blocks need" \
		test "$(counter arena-sp copied_bytes)" -lt $(($(counter arena-sp rmw) * 8192))
	ok "$name: the network process copied no byte of a write twice" \
		test "$(counter arena-np copied_bytes)" -le "$(counter arena-np bytes_in)"
}

run registered
is "buffers are registered" "$(counter arena-sp fixed_buffers)" 1
arenad_stop
is "stops well" "$status" 0

run plain --no-fixed-buffers
is "buffers are not registered" "$(counter arena-sp fixed_buffers)" 0
arenad_stop
is "stops well" "$status" 0

# Few slots and few buffers: requests have to wait for each other.
run few --np-buffers 4 --size 140M
arenad_stop
is "stops well" "$status" 0
done_testing
