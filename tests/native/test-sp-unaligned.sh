#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: reads find byte for byte what writes of any alignment have written, with registered buffers
# and without, and the storage process copies only the bytes that complete a block.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# run NAME ARGUMENT...: compare a fresh disk, served by arenad with ARGUMENTs, with the model
run()
{
	local name=$1 path
	shift
	path=$(disk "$name" 16M)
	arenad_start --size 512M --disk "$name=$path" "$@"
	ok "disk $name: reads find what writes of any alignment have written" \
		"$BUILD/tests/native/nbd-model" "${address%:*}" "${address##*:}" "$name"
	counters_refresh
	ok "disk $name: the storage process completed blocks" test "$(counter arena-sp rmw)" -gt 0
	is "disk $name: the storage process counted no bad message" \
		"$(counter arena-sp bad_messages)" 0
	is "disk $name: no request failed" "$(counter arena-sp errors)" 0
	# Each such write has a head and a tail of less than a block, which has 4096 bytes at most.
	ok "disk $name: the storage process copied only the bytes that complete blocks" \
		test "$(counter arena-sp copied_bytes)" -lt $(($(counter arena-sp rmw) * 8192))
	ok "disk $name: the network process copied no byte of a write twice" \
		test "$(counter arena-np copied_bytes)" -le "$(counter arena-np bytes_in)"
}

run registered
is "the storage process registers its buffers by default" "$(counter "arena-sp 0" fixed_buffers)" 1
arenad_stop
is "arenad ends with status 0 after requests with registered buffers" "$status" 0

run plain --no-fixed-buffers
is "--no-fixed-buffers: the storage process does not register its buffers" \
	"$(counter "arena-sp 0" fixed_buffers)" 0
arenad_stop
is "arenad ends with status 0 after requests with buffers that are not registered" "$status" 0

# With so few buffers, requests have to wait for each other.
# Two network processes would need more memory for each, and would have fewer requests each.
run few --nps 1 --np-buffers 4 --size 140M
arenad_stop
is "arenad ends with status 0 after requests that waited for buffers" "$status" 0
done_testing
