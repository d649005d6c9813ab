#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what holds for seconds holds for minutes, with several clients of different kinds on one disk
# and on several network processes.
# run: long
# timeout: 1500
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio nbdcopy python3
requires_built nbd
requires_built libnbd

arenad_start --size 1G --nps 2 --listen "unix:$tmp/sock" --disk "parts=$(disk parts 256M)" \
	--disk "a=$(disk a 50M)" --disk "b=$(disk b 50M)" --disk "copied=$(disk copied 512M)"
port=${address##*:}
minutes=3
# verified NAME OPTION...: run fio on a part of the disk of its own
verified()
{
	local name=$1

	shift
	timeout 1200 fio --ioengine=nbd "--uri=nbd://$address/parts" --verify_state_save=0 \
		--verify_fatal=1 --size=64M --name="$name" "$@" >"$tmp/$name.out" 2>&1
}
timed=(--time_based --runtime="${minutes}m")
# fio knows what it wrote in requests of any length only until it writes there again.
passes() { for seed in {1..40}; do verified "$@" --randseed="$seed" || return; done; }
declare -A job
begin() { "$@" & job[$2]=$!; }
begin verified small "${timed[@]}" --rw=randrw --bs=4k --iodepth=32 --verify=crc32c
begin passes any --offset=64M --rw=randwrite --bsrange=512-300k --bs_unaligned --iodepth=16 \
	--io_size=48M --verify=sha1
begin verified flushed "${timed[@]}" --offset=128M --rw=randwrite --bs=16k --iodepth=8 --fsync=16 --verify=md5
begin verified trimmed "${timed[@]}" --offset=192M --rw=trimwrite --bs=32k --iodepth=8 \
	--verify=crc32c
# A trace finds zeroes where it has not written, so the disk is made zero before each run.
for disk in a b; do
	for round in 1 2 3; do
		ok "round $round of nbd-tester-client's trace on disk $disk reads what it wrote" eval "
			nbdsh -u 'nbd://$address/$disk' -c 'h.zero(h.get_size(), 0)' &&
			short timeout 300 $built/nbd/nbd-tester-client -i \
				-t $built/nbd/integrity-test.tr -N $disk localhost $port"
	done
done
ok "nbdcopy copies 512 MiB of random data by 4 connections" eval "
	head -c 512M /dev/urandom >'$tmp/random' &&
	nbdcopy --connections=4 --flush '$tmp/random' 'nbd://$address/copied' &&
	cmp '$tmp/random' '$tmp/copied.img'"
ends_well() { wait "${job[$1]}" || { tail -n 20 "$tmp/$1.out"; return 1; }; }
ok "fio reads for $minutes minutes what it wrote in blocks of 4 KiB" ends_well small
ok "fio reads in 40 passes what it wrote in requests of any length" ends_well any
ok "fio reads for $minutes minutes what it wrote with many flushes" ends_well flushed
ok "fio reads for $minutes minutes what it wrote after trims" ends_well trimmed
counters_print 2
is "no NP counts a bad message after minutes" \
	"$(grep 'arena-np.*: counters' "$tmp/log" | grep -vc ' bad_messages=0 ')" 0
arenad_stop
is "arenad ends with status 0 after minutes" "$status" 0

# libnbd's test that copies 512 MiB, with arenad in the place of nbdkit on both sides
mkdir "$tmp/bin"
cp "$top/tests/peers/as-nbdkit" "$tmp/bin/nbdkit"
ok "libnbd's test 590-aio-copy.py passes with arenad in the place of nbdkit" \
	env AS_NBDKIT_ENDS="$tmp/ends" PATH="$tmp/bin:$PATH" \
	timeout 600 python3 "$built/libnbd/python/590-aio-copy.py"
done_testing
