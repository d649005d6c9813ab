#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with the module, the next arenad adopts the region and the processes of one that was killed,
# also under load, with processes of other users, and puts another program in its own place.
# timeout: 300
# run: long
# vm: once
: "${NPS:=2}"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../native/adopt-lib.sh
. "$(dirname "$0")/../native/adopt-lib.sh"
requires fio nbdinfo
pages_2m 128
chown games "$(realpath "$disk0")" "$(realpath "$disk1")"
at_exit chown root "$(realpath "$disk0")" "$(realpath "$disk1")"
common=(--size 256M --page-size 2M --disk "one=$disk0" --disk "two=$disk1" --np-user nobody
	--sp-user games)
size_one=$(blockdev --getsize64 "$disk0")
# shellcheck disable=SC2317 # it takes the place of that in adopt-lib.sh
still_served() { [ "$(nbdinfo --size "nbd://$address/one")" = "$size_one" ]; }

adopt_start "${common[@]}"
before=$(workers)
load one
kill_arenad
ok "clients are served while there is no arenad" still_served
arenad_start "${common[@]}"
is "the next arenad has the processes of the one before" "$(workers)" "$before"
ok "a client that was connected to the end has read what it wrote" load_ends
for i in 1 2; do
	kill_arenad
	ok "clients are served while there is no arenad, time $i" still_served
	arenad_start "${common[@]}"
	is "the next arenad has the processes of the one before, time $i" "$(workers)" "$before"
	kill -KILL "$(np 1)"
	ok "the network process 1 is started again by the next arenad, time $i" \
		wait_for 30 says "arena-np 1 is started again"
	wait_for 30 are_started $((NPS + 2))
	: >"$tmp/log"
	kill -USR2 "$arenad_pid"
	ok "SIGUSR2 makes an executed arenad adopt the processes, time $i" \
		wait_for 20 says "has adopted region test and $((NPS + 2)) processes"
	ok "the executed arenad replaces all processes, time $i" wait_for 60 are_replaced "$NPS" 2
	before=$(workers)
	ok "clients are served after arenad was replaced, time $i" wait_for 30 all_served
done
arenad_stop
is "arenad ends with status 0 on SIGTERM after adoptions" "$status" 0
is "no process is left after SIGTERM" "$(processes_left)" ""
not_ok "the region has no name after SIGTERM" test -e /dev/mshare/test
done_testing
