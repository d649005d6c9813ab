#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: messages of an SP that do not fit what it was asked are dropped, and no
# client notices; replies in any order reach the right client.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --mode liar --sps 2 --slots 4096 --
ok "a hostile client of a lying storage process" "$tools/nbd-hostile" "$host" "$port" d0
ok "greedy clients of a lying storage process" "$tools/nbd-greedy" "$host" "$port" d0
np_counters
ok "the lies of the storage process are counted" test "$(counter arena-np bad_messages)" -gt 1000
lies=$(counter arena-np bad_messages)
ok "a hostile client of an honest storage process" "$tools/nbd-hostile" "$host" "$port" d1
ok "greedy clients of an honest storage process" "$tools/nbd-greedy" "$host" "$port" d1
np_counters
is "the honest storage process is not found to lie" "$(counter arena-np bad_messages)" "$lies"
arenad_stop
is "arena-np gives back what it was lent, and stops: status" "$status" 0

rig_start --mode reverse --
ok "a hostile client, where the last request is answered first" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "greedy clients, where the last request is answered first" \
	"$tools/nbd-greedy" "$host" "$port" d0
np_counters
is "answers in reverse order are not counted as lies" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arena-np after answers in reverse order: status" "$status" 0

rig_start --mode batch --
ok "a hostile client, where many requests are answered at once" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "greedy clients, where many requests are answered at once" \
	"$tools/nbd-greedy" "$host" "$port" d0
np_counters
is "many answers in one extent are not counted as lies" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arena-np after many answers at once: status" "$status" 0
done_testing
