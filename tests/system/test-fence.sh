#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: while a disk does nothing, a client whose connections are cut writes newer data by way of
# another network process. When the disk goes on, the newer data is left, whether the older write
# was at the disk already or came to the storage process after the newer one.
# timeout: 300
# run: long
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the test says how many processes there are
NPS=2 SPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/fence-lib.sh
. "$(dirname "$0")/../native/fence-lib.sh"

# begin: connect to both network processes
begin()
{
	enter d
	old=$fd old_np=$np
	enter_elsewhere d "$old_np" || echo "Bail out! no connection to another network process"
	new=$fd
}
asked() { counters_refresh; [ "$(counter "arena-np $1" writes)" -gt "$2" ]; }
writes_of() { counters_refresh; counter "arena-np $1" writes; }
sp_lines() { grep -c '^arena-sp 0: counters' "$tmp/log"; }
sp_has_printed() { [ "$(sp_lines)" -gt "$1" ]; }
# sp_has_begun WRITES: the storage process has begun more writes than that. It is asked alone, as a
# network process that is stopped prints nothing.
sp_has_begun()
{
	local lines

	lines=$(sp_lines)
	kill -USR1 "$(children arena-sp)"
	wait_for 15 sp_has_printed "$lines" && [ "$(counter arena-sp writes)" -gt "$1" ]
}
was_refused() { [ "$(outdated arena-np)" -ge 1 ]; }

slow_disk
pages_2m 192
arenad_start --size 256M --page-size 2M --disk d=/dev/mapper/slow

begin
before=$(writes_of "$old_np") others=$(writes_of $((1 - old_np)))
dmsetup suspend --noflush --nolockfs slow
ask_write "$old" 1 o
ok "the older write is handed over while the disk does nothing" wait_for 60 asked "$old_np" "$before"
exec {old}>&-
ask_write "$new" 1 n
ok "the newer write is handed over by another network process" \
	wait_for 60 asked $((1 - old_np)) "$others"
dmsetup resume slow
is "the newer write is done when the disk goes on" "$(error_of "$new")" 00000000
is "the newer data is left over a write that was at the disk" "$(letter_of "$new" 1)" n
exec {new}>&-

begin
others=$(writes_of $((1 - old_np)))
begun=$(counter arena-sp writes)
stop_np "$old_np"
ask_write "$old" 2 o
exec {old}>&-
dmsetup suspend --noflush --nolockfs slow
ask_write "$new" 2 n
ok "the storage process has the newer write before the older one can come" \
	wait_for 60 sp_has_begun "$begun"
kill -CONT "$(np_pid "$old_np")"
ok "the newer write waits for the disk when the older one comes" \
	wait_for 60 asked $((1 - old_np)) "$others"
ok "the older write is refused, as its client has gone" wait_for 60 was_refused
dmsetup resume slow
is "the newer write is done when the disk goes on again" "$(error_of "$new")" 00000000
is "the newer data is left over a write that came late" "$(letter_of "$new" 2)" n
arenad_stop
is "arenad ends with status 0 after writes came late" "$status" 0
done_testing
