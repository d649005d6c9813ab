#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients that take all memory and then do nothing hold up the others for
# some seconds only, whatever the time for a stall is otherwise.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --memory 671088640 --
ok "good clients are served beside hogs" "$tools/nbd-greedy" "$host" "$port" d0 hogs
ok "a hog of the SP's buffers was cut off" says "it does not take its replies"
ok "a hog of the payload buffers was cut off" says "its payload does not come"
arenad_stop
is "arena-np after hogs: status" "$status" 0
done_testing
