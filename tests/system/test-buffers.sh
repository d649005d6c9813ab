#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: every kind of buffer the SP may have: registered and plain (a kernel that
# pins by slow GUP, as 6.8 does, refuses to register the arena), over pages of 1 GiB
# and of 2 MiB.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy fio

head -c 32M /dev/urandom >"$tmp/image"

pool_is_whole()
{
	local dir

	for dir in /sys/kernel/mm/hugepages/*; do
		[ "$(cat "$dir/free_hugepages")" = "$(cat "$dir/nr_hugepages")" ] || return 1
	done
}

# try NAME FIXED ARENAD-OPTION...
try()
{
	local name=$1 fixed=$2 one

	shift 2
	arenad_start --disk "one=$disk0" "$@"
	one=nbd://$address/one
	ok "$name: nbdcopy in" nbdcopy --flush "$tmp/image" "$one"
	ok "$name: and out" eval "nbdcopy $one - | head -c 32M | cmp - $tmp/image"
	ok "$name: fio, verified" fio --name=v --ioengine=nbd "--uri=$one" \
		--rw=randwrite --bsrange=512-64k --bs_unaligned --size=32M --io_size=8M \
		--iodepth=8 --verify=md5 --verify_state_save=0
	counters_refresh
	is "$name: fixed_buffers" "$(counter arena-sp fixed_buffers)" "$fixed"
	arenad_stop
	is "$name: status" "$status" 0
	# The kernel ends an SP's ring, and its registered buffers, after the SP.
	ok "$name: the pages are back" wait_for 20 pool_is_whole
}

fixed=1
! pins-by-mapping || fixed=0
[ "$fixed" = 1 ] || diag "this kernel refuses to register buffers of a region: all are plain"
try "1 GiB pages, registered" "$fixed" --size 2G --page-size 1G
try "1 GiB pages, plain" 0 --size 2G --page-size 1G --no-fixed-buffers
pages_2m 192
try "2 MiB pages, registered" "$fixed" --size 384M --page-size 2M
try "2 MiB pages, plain" 0 --size 384M --page-size 2M --no-fixed-buffers
done_testing
