#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module, code that runs inside a serving arena-np or arena-sp, which have users, views
# and disks of their own, can neither write nor read what its view does not show, nor do anything
# else that native/test-breakout tries, and the other processes serve on.
# timeout: 600
# run: long
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/breakout-lib.sh
. "$(dirname "$0")/../native/breakout-lib.sh"

options=(--size 256M --page-size 2M --disk "d0=$disk0" --disk "d1=$disk1" --no-disk d0=refuse
	--no-disk d1=refuse)
export BREAKOUT_DISK=$disk0
pages_2m 256

# Users that each system has.
users=(--np-user nobody --sp-user games)
chown games "$(realpath "$disk0")" "$(realpath "$disk1")"
at_exit chown root "$(realpath "$disk0")" "$(realpath "$disk1")"
BREAKOUT_LIVE=1 breakout_start '' --transport msg-ring "${users[@]}" "${options[@]}"
read_tables
ok "there are more than 40 attempts for each program" has_attempts 40
all_are_confined nobody games
try_np_while_others_serve
arenad_stop
BREAKOUT_LIVE=1 breakout_start '' --transport msg-ring "${users[@]}" "${options[@]}"
try_sp_while_others_serve
fault_ends arena-np "$np"
fault_ends arena-sp "$sp"
crowd_start d0 d0 1 1
is "a client of d0 is served when two processes have ended by their faults" "$answer" ready
crowd_stop d0
arenad_stop

lie_about_replies "$disk1" "${options[@]}"
break_channels 0 "${options[@]}"
try_alone "${options[@]}"
done_testing
