#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: every command works in every style of replies, see nbd-styles.c: on files with and without
# holes, and on storage processes that lie, or reply in another order.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

arenad_start --size 512M --disk "one=$(disk one 64M)"
ok "every command works in every style on a file" \
	"$tools/nbd-styles" "${address%:*}" "${address##*:}" one
counters_refresh
is "the network process counted no bad message" "$(counter arena-np bad_messages)" 0
is "the storage process counted no bad message" "$(counter arena-sp bad_messages)" 0
ok "the storage process did not read the holes of the file" \
	test "$(counter arena-sp bytes_skipped)" -gt 1000000
ok "the storage process was asked where the holes are" test "$(counter arena-sp statuses)" -gt 100
arenad_stop
is "arenad ends with status 0 after commands in every style" "$status" 0

# Lies and long waits take their time.
for mode in plain liar reverse; do
	rig_start --mode "$mode" --sps 2 --slots 4096 --
	ok "every command works in every style with an SP in the mode $mode" \
		"$tools/nbd-styles" "$host" "$port" d0 60
	arenad_stop
	is "arena-np ends with status 0 after an SP in the mode $mode" "$status" 0
done
done_testing
