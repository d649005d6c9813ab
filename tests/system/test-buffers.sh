#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients' data is right with registered and with plain buffers of an SP, on pages of
# 1 GiB and of 2 MiB. A kernel that pins by slow GUP, as 6.8 does, refuses to register
# buffers of a region; there all buffers are plain.
# timeout: 600
# vm: once
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

# try NAME FIXED ARENAD-OPTION...: clients write and read; the SP counts FIXED
try()
{
	local name=$1 fixed=$2 one

	shift 2
	arenad_start --disk "one=$disk0" "$@"
	one=nbd://$address/one
	ok "with $name nbdcopy writes an image" nbdcopy --flush "$tmp/image" "$one"
	ok "with $name nbdcopy reads the same image" \
		eval "nbdcopy $one - | head -c 32M | cmp - $tmp/image"
	ok "with $name fio verifies what it wrote" fio --name=v --ioengine=nbd "--uri=$one" \
		--rw=randwrite --bsrange=512-64k --bs_unaligned --size=32M --io_size=8M \
		--iodepth=8 --verify=md5 --verify_state_save=0
	counters_refresh
	is "with $name the SP's counter fixed_buffers is $fixed" \
		"$(counter "arena-sp 0" fixed_buffers)" "$fixed"
	arenad_stop
	is "with $name arenad ends with status 0" "$status" 0
	# The kernel frees an SP's ring and its registered buffers some time after its end.
	ok "with $name all huge pages are free after arenad ended" wait_for 20 pool_is_whole
}

fixed=1
! pins-by-mapping || fixed=0
[ "$fixed" = 1 ] || diag "this kernel refuses to register buffers of a region: all are plain"
# The machine has two pages of 1 GiB.
NPS=1 SPS=1 try "1 GiB pages and registered buffers" "$fixed" --size 2G --page-size 1G
NPS=1 SPS=1 try "1 GiB pages and plain buffers" 0 --size 2G --page-size 1G --no-fixed-buffers
pages_2m 192
try "2 MiB pages and registered buffers" "$fixed" --size 384M --page-size 2M
try "2 MiB pages and plain buffers" 0 --size 384M --page-size 2M --no-fixed-buffers
done_testing
