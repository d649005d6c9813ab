#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients that take all memory and then do nothing delay the others for some seconds only,
# however long a client may stall while nobody waits for its buffers.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --memory 671088640 --
ok "arena-np serves good clients beside clients that take all memory" \
	"$tools/nbd-greedy" "$host" "$port" d0 hogs
ok "arena-np cut off a client that kept the SP's buffers by not taking its replies" \
	says "it does not take its replies"
ok "arena-np cut off a client that kept payload buffers by not sending its payload" \
	says "its payload does not come"
arenad_stop
is "arena-np ends with status 0 after clients that took all memory" "$status" 0
done_testing
