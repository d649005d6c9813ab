#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: code that runs inside a serving arena-np or arena-sp, with its ring and its descriptors,
# reaches nothing that the process does not need, and the other processes serve on. Each defence
# alone stops the attempts that it is for, and without any of them the attempts succeed.
# timeout: 600
# sanitizers: no
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=breakout-lib.sh
. "$(dirname "$0")/breakout-lib.sh"

other=$(disk d0 16M)
own=$(disk d1 16M)
options=(--size 384M --page-size 4K --disk "d0=$other" --disk "d1=$own" --no-disk d0=refuse
	--no-disk d1=refuse)
export BREAKOUT_DISK=$other

BREAKOUT_LIVE=1 breakout_start '' --transport msg-ring "${options[@]}"
read_tables
ok "there are more than 30 attempts for each program" has_attempts 30
all_are_confined root root
try_np_while_others_serve
arenad_stop
BREAKOUT_LIVE=1 breakout_start '' --transport msg-ring "${options[@]}"
try_sp_while_others_serve
arenad_stop

lie_about_replies "$own" "${options[@]}"
break_channels 0 "${options[@]}"
break_channels 4 "${options[@]}"

breakout_start '' "${options[@]}"
forbidden_call_ends arena-np "$np"
forbidden_call_ends arena-sp "$sp"
arenad_stop

try_alone "${options[@]}"
try_more_alone "${options[@]}"
done_testing
