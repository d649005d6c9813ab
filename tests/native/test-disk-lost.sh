#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when a disk has gone and come back, each connection that was there before has one FLUSH fail
# if changes were not flushed, whichever network process it has, also when that was replaced. Nobody
# else sees an error. ../system/test-disk-lost.sh does the same with a device.
# Method: a library in the storage processes has another number for the disk when it has "gone". The
# disk is a file, so its contents stay.
# sanitizers: no
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
# shellcheck source-path=SCRIPTDIR source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source-path=SCRIPTDIR source=lost-lib.sh
. "$(dirname "$0")/lost-lib.sh"
requires nbdsh
requires_inside sequence
export SEQUENCE=$tmp/sequence

sequence=1
echo "$sequence" >"$SEQUENCE"
# leave: the disk goes away and comes back, and has a successor of its storage process
leave()
{
	echo "$((++sequence))" >"$SEQUENCE"
	kill_process arena-sp 0
}
# has_lost N: the storage processes have said N times that the disk has lost something
has_lost() { [ "$(said 'changes that were not flushed may be lost')" = "$1" ]; }

start() { LD_PRELOAD=$inside arenad_start "${disks[@]}" --max-deaths 100; }
disks=(--disk "d0=$(disk d0 64M)" --disk "d1=$(disk d1 64M)")
start
client_start d0
for i in 0 1 2 3; do
	ok "connection $i is made" gets ok new "$i"
done
ok "a write is acknowledged" gets ok write 0
kill_process arena-sp 0
ok "a flush succeeds when a storage process was killed and the disk was always there" \
	gets ok flush 0

ok "a write is acknowledged before the disk goes away" gets ok write 0
leave
ok "a connection is made when the disk is back" gets ok new 4
ok "a read succeeds when the disk is back" gets ok read 0
ok "a write succeeds when the disk is back" gets ok write 1
ok "a write that is durable at once succeeds when the disk is back" gets ok fua 1
ok "the first flush of a connection whose write may be lost fails" gets EIO flush 0
ok "the second flush of that connection succeeds" gets ok flush 0
for i in 1 2; do
	ok "the first flush of connection $i fails, which covers writes of all connections" \
		gets EIO flush "$i"
	ok "the second flush of connection $i succeeds" gets ok flush "$i"
done
ok "a connection that was made after the loss flushes" gets ok flush 4
ok "the storage process has said that something may be lost" has_lost 1
counters_refresh
is "the network processes have counted three flushes that failed" "$(counter arena-np lost)" 3
client_end

# Nothing was at stake for the next one.
client_start d0
ok "the first connection of another client is made" gets ok new 0
ok "the second connection of another client is made" gets ok new 1
ok "a client writes" gets ok write 0
ok "its other connection flushes" gets ok flush 1
ok "a client writes what is durable at once" gets ok fua 0
leave
ok "a flush succeeds when all was flushed before the disk went away" gets ok flush 0
ok "a flush of the other connection succeeds, too" gets ok flush 1
leave
ok "a flush succeeds when nothing was written since the disk went away last" gets ok flush 0
ok "nothing more was lost" has_lost 1

# A flush that the storage process has not answered when its disk goes away.
ok "a client writes before its flush is stopped" gets ok write 0
pid=$(process_of arena-sp 0)
kill -STOP "$pid"
echo "flush 0" >&"$client_in"
sleep 0.3
leave
ok "a flush that has waited for the successor fails" \
	eval 'read -r -t 60 -u "$client_out" answer && [ "$answer" = EIO ]'
ok "the next flush succeeds" gets ok flush 0

# The number of losses goes with a connection, and with the region.
ok "a client writes before the disk goes away and a process is replaced" gets ok write 0
leave
ok "the successor has found the loss" wait_for 60 has_lost 3
replace
ok "both network processes are replaced after a loss" wait_for 90 replaced 2
ok "a flush of a connection that was handed over fails" gets EIO flush 0
ok "the next flush of a connection that was handed over succeeds" gets ok flush 0
ok "a client writes to the successors" gets ok write 0
kill_arenad
start
leave
ok "a flush fails after an adoption and a loss" gets EIO flush 0
ok "the next flush succeeds after an adoption and a loss" gets ok flush 0

# The disk may go away more than once before somebody flushes.
for i in 1 2; do
	ok "a client writes before loss $i" gets ok write 0
	leave
done
ok "one flush fails after two losses" gets EIO flush 0
ok "the next flush succeeds after two losses" gets ok flush 0
ok "the other connection has one flush fail after all that" gets EIO flush 1
ok "the other connection has no other flush fail" gets ok flush 1
client_end
arenad_stop
is "arenad ends with status 0 after several losses" "$status" 0
done_testing
