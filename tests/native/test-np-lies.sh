#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np drops an SP's messages that do not fit its requests, and no client notices them.
# Replies reach the right client in whatever order they come.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --mode liar --sps 2 --slots 4096 --
ok "a disk stays served while its storage process lies and a client is hostile" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "a disk stays served while its storage process lies and clients are greedy" \
	"$tools/nbd-greedy" "$host" "$port" d0
counters_refresh
ok "arena-np counts the lies of the storage process as bad messages" \
	test "$(counter arena-np bad_messages)" -gt 1000
lies=$(counter arena-np bad_messages)
ok "the disk of an honest storage process stays served while a client is hostile" \
	"$tools/nbd-hostile" "$host" "$port" d1
ok "the disk of an honest storage process stays served while clients are greedy" \
	"$tools/nbd-greedy" "$host" "$port" d1
counters_refresh
is "arena-np counts no bad message of the honest storage process" \
	"$(counter arena-np bad_messages)" "$lies"
arenad_stop
is "arena-np returns every borrowed extent and ends with status 0 after lies" "$status" 0

rig_start --mode reverse --
ok "a disk stays served while its SP answers in reverse order and a client is hostile" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "a disk stays served while its SP answers in reverse order and clients are greedy" \
	"$tools/nbd-greedy" "$host" "$port" d0
counters_refresh
is "arena-np counts no reply in reverse order as a bad message" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arena-np ends with status 0 after replies in reverse order" "$status" 0

rig_start --mode batch --
ok "a disk stays served while its SP answers many requests at once and a client is hostile" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "a disk stays served while its SP answers many requests at once and clients are greedy" \
	"$tools/nbd-greedy" "$host" "$port" d0
counters_refresh
is "arena-np counts no message with many replies as bad" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arena-np ends with status 0 after messages with many replies" "$status" 0
done_testing
