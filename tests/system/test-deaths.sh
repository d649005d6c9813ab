#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: whoever dies, the others end with a clear word, the region goes and its
# huge pages come back; and what a killed arenad left can be replaced.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio nbdinfo

# Enough for two regions.
pages_2m 256
free=$(free_pages 2048)
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
start() { arenad_start --size 256M --page-size 2M --disk "one=$disk0" "$@"; }
load()
{
	fio --name=load --ioengine=nbd "--uri=nbd://$address/one" --rw=randrw --bs=16k \
		--size=64M --iodepth=16 --time_based --runtime=60 >"$tmp/load" 2>&1 &
	load=$!
	sleep 2
}

for program in arena-np arena-sp; do
	start
	load
	kill -KILL "$(children $program)"
	arenad_wait
	is "kill -9 of $program under load: status 1" "$status" 1
	ok "$program: it says who and how" says "was killed by signal 9"
	not_ok "$program: the client is told" wait "$load"
	not_ok "$program: the region's name is gone" test -e /dev/mshare/test
	ok "$program: its pages are back" wait_for 20 pages_back
done

start
load
kill -KILL "$arenad_pid"
arenad_wait
not_ok "kill -9 of arenad: the client is told" wait "$load"
ok "the region's name is still there" test -e /dev/mshare/test/rw
arenad_run --size 256M --page-size 2M --disk "one=$disk0"
arenad_wait
is "a new arenad refuses a name that is taken" "$status" 1
ok "the new arenad says what to do" says "--replace"
start --replace
ok "with --replace clients are served" nbdinfo "nbd://$address/one"
arenad_stop
is "arenad ends well after --replace" "$status" 0
ok "all pages are back at the end" wait_for 20 pages_back
done_testing
