#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: nbdkit, as a client of arenad by its plugin nbd and with filters before it, serves on what
# arenad has.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdkit nbdcopy nbdinfo qemu-io fio

truncate -s 32M "$tmp/image"
dd if=/dev/urandom of="$tmp/image" bs=1M count=5 seek=3 conv=notrunc status=none
cp "$tmp/image" "$tmp/d.img"
arenad_start --size 256M --listen "unix:$tmp/sock" --disk "d=$tmp/d.img"
uri=nbd://$address/d
# through OPTION... -- COMMAND: run a command of the shell, with nbdkit's $uri, on nbdkit before arenad
through()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	timeout 100 nbdkit --exit-with-parent -U - nbd uri="$uri" "${options[@]}" --run "$2"
}
# The variables in the commands are nbdkit's.
# shellcheck disable=SC2016
read_back="rm -f '$tmp/back'; nbdcopy \"\$uri\" '$tmp/back' && cmp '$tmp/back' '$tmp/image'"
# shellcheck disable=SC2016
write_read='qemu-io -f raw "$uri" -c "write -P 1 0 1M" -c "write -P 2 4095 2" -c "write -z 512k 64k" \
	-c "discard 640k 64k" -c flush -c "write -f -P 3 777 77" -c "read -P 3 777 77" \
	-c "read -P 2 4095 2" -c "read -P 0 512k 64k" -c "read -P 1 704k 320k" >'"$tmp/said"' &&
	! grep -i -E "fail|error" '"$tmp/said"

ok "nbdkit reads the disk" through -- "$read_back"
ok "nbdkit reads the disk for all its clients by one connection" \
	through shared=true -- "$read_back"
ok "nbdkit reads the disk over a UNIX socket" \
	timeout 100 nbdkit --exit-with-parent -U - nbd socket="$tmp/sock" export=d --run "$read_back"
# shellcheck disable=SC2016
is "nbdkit passes the extents on" "$(through -- 'nbdinfo --map "$uri"' |
	awk '{ print $1, $2, $3 }' | xargs)" "0 3145728 3 3145728 5242880 0 8388608 25165824 3"
for filter in blocksize cache cow noextents nozero readahead retry stats exitlast nocache; do
	options=()
	[ "$filter" != stats ] || options=(statsfile=/dev/null)
	[ "$filter" != blocksize ] || options=(minblock=4096 maxdata=64K maxlen=64K)
	ok "nbdkit with the filter $filter reads the disk" \
		through --filter="$filter" "${options[@]}" -- "$read_back"
done
ok "nbdkit with the filter checkwrite finds what it would write on the disk" through \
	--filter=checkwrite -- "nbdcopy '$tmp/image' \"\$uri\""
not_ok "nbdkit with the filter checkwrite finds a byte that differs" eval "
	cp '$tmp/image' '$tmp/other' &&
	printf x | dd of='$tmp/other' bs=1 seek=4000000 conv=notrunc status=none &&
	through --filter=checkwrite -- \"nbdcopy '$tmp/other' \\\"\\\$uri\\\"\""
ok "nbdkit with the filter cow writes nothing to the disk" eval \
	"through --filter=cow -- '$write_read' && cmp '$tmp/d.img' '$tmp/image'"
for filter in blocksize fua noparallel multi-conn swab; do
	options=()
	[ "$filter" != blocksize ] || options=(minblock=512 maxdata=1M maxlen=32M)
	[ "$filter" != fua ] || options=(fuamode=force)
	[ "$filter" != swab ] || options=(swab-bits=16)
	ok "nbdkit with the filter $filter writes and reads" \
		through --filter="$filter" "${options[@]}" -- "${write_read//77/78}"
done
ok "nbdkit writes and reads the disk" through -- "$write_read"
counters_refresh
is "arena-np counts no bad message after nbdkit" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after nbdkit" "$status" 0
done_testing
