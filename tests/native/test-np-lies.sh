#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: messages of an SP that do not fit what it was asked are dropped, and no
# client notices; replies in any order reach the right client.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --mode liar --sps 2 --slots 4096 --
ok "clients of a lying SP" "$tools/nbd-hostile" "$host" "$port" d0
np_counters
ok "the lies were counted" test "$(counter arena-np bad_messages)" -gt 1000
lies=$(counter arena-np bad_messages)
ok "clients of an honest SP" "$tools/nbd-hostile" "$host" "$port" d1
np_counters
is "it told no lies" "$(counter arena-np bad_messages)" "$lies"
arenad_stop
is "stops well, and gave back what it was lent" "$status" 0

rig_start --mode reverse --
ok "clients of an SP that answers the last one first" \
	"$tools/nbd-hostile" "$host" "$port" d0
np_counters
is "that is no lie" "$(counter arena-np bad_messages)" 0
arenad_stop
is "stops well" "$status" 0
done_testing
