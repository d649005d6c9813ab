#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: somebody reads smaps and numa_maps of all processes while they serve. The 1 GiB
# leaves of their views are demoted under the I/O and come back; no byte and no request is
# lost.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio

watch()
{
	local pid

	while [ -e "$tmp/watching" ]; do
		for pid in $(children arena-np) $(children arena-sp); do
			cat "/proc/$pid/smaps" "/proc/$pid/numa_maps" >/dev/null
		done
	done
}

# demoted: how often a leaf was demoted, by libmshare, since fdinfo does not tell
demoted()
{
	"$BUILD/tests/system/leaves" test | cut -d' ' -f1
}

came_back()
{
	local demotions promotions

	read -r demotions promotions < <("$BUILD/tests/system/leaves" test)
	[ "$demotions" = "$promotions" ]
}

# try NAME ARENAD-OPTION...
try()
{
	local name=$1 watcher

	shift
	arenad_start --size 2G --page-size 1G --disk "one=$disk0" "$@"
	is "$name: no leaf is demoted yet" "$(demoted)" 0
	: >"$tmp/watching"
	watch &
	watcher=$!
	ok "$name: fio, verified" fio --name=v --ioengine=nbd "--uri=nbd://$address/one" \
		--rw=randrw --bsrange=4k-128k --size=64M --io_size=32M --iodepth=16 \
		--verify=crc32c --verify_state_save=0
	rm "$tmp/watching"
	wait "$watcher"
	ok "$name: the leaf was demoted" test "$(demoted)" -ge 1
	ok "$name: and came back each time" wait_for 60 came_back
	ok "$name: NP and SP are still on their own views" on_own_views
	arenad_stop
	is "$name: status" "$status" 0
}

try "registered buffers"
try "plain buffers" --no-fixed-buffers
done_testing
