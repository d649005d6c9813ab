#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: reading smaps and numa_maps of processes that serve clients demotes the 1 GiB leaves
# of their views under the I/O. They are promoted again, and no byte and no request is lost.
# timeout: 300
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the machine has two pages of 1 GiB
NPS=1 SPS=1
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

# demoted: print how often a leaf was demoted; libmshare knows it, fdinfo does not
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

# try NAME ARENAD-OPTION...: run fio while another process reads smaps and numa_maps
try()
{
	local name=$1 watcher

	shift
	arenad_start --size 2G --page-size 1G --disk "one=$disk0" "$@"
	is "with $name no leaf is demoted before anybody reads smaps" "$(demoted)" 0
	: >"$tmp/watching"
	watch &
	watcher=$!
	ok "with $name fio verifies what it wrote while smaps is read" \
		fio --name=v --ioengine=nbd "--uri=nbd://$address/one" \
		--rw=randrw --bsrange=4k-128k --size=64M --io_size=32M --iodepth=16 \
		--verify=crc32c --verify_state_save=0
	rm "$tmp/watching"
	wait "$watcher"
	ok "with $name reading smaps demoted the leaf" test "$(demoted)" -ge 1
	ok "with $name the leaf was promoted after each demotion" wait_for 60 came_back
	ok "with $name NP and SP are still attached through their own views" on_own_views
	arenad_stop
	is "with $name arenad ends with status 0" "$status" 0
}

try "registered buffers"
try "plain buffers" --no-fixed-buffers
done_testing
