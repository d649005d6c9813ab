#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients read the right data when arena-np sends without a copy. Over loopback the kernel
# copies the data in the end, but keeps the buffers until the client has received them.
# Method: the region is small, so that each buffer is used again and again, and a reader that
# takes its data slowly leaves sends under way.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy fio

path=$(disk d 64M)
head -c 64M /dev/urandom >"$tmp/image"
arenad_start --size 128M --disk "d=$path" --zerocopy-threshold 4K
np=$(children arena-np | head -n 1)
ok "arena-np has the threshold of arenad's command line" \
	grep -qz -- --zerocopy-threshold "/proc/$np/cmdline"
ok "nbdcopy writes an image" nbdcopy --flush "$tmp/image" "nbd://$address/d"
ok "nbdcopy reads it over 4 connections" \
	nbdcopy --connections=4 --request-size=1048576 "nbd://$address/d" "$tmp/back"
ok "nbdcopy read what it had written" cmp "$tmp/image" "$tmp/back"
ok "nbdcopy reads it while it takes the data slowly" \
	eval "nbdcopy 'nbd://$address/d' - | (sleep 2; cat) >'$tmp/back'"
ok "nbdcopy read what it had written, slowly" cmp "$tmp/image" "$tmp/back"
ok "fio verifies what it writes and reads at queue depth 32" fio --name=verified \
	--ioengine=nbd --uri="nbd://$address/d" --rw=randrw --bs=16k --size=64M --io_size=64M \
	--iodepth=32 --verify=crc32c --verify_state_save=0
counters_refresh
is "the storage process found no message bad" "$(counter arena-sp bad_messages)" 0
is "the network process found no message bad" "$(counter arena-np bad_messages)" 0
ok "arena-np asked the kernel not to copy" [ "$(counter arena-np zerocopy_sends)" -gt 100 ]
arenad_stop
is "arenad stops with status 0" "$status" 0

arenad_start --size 128M --disk "d=$path"
ok "nbdcopy reads the image over 4 connections, with the default threshold" \
	nbdcopy --connections=4 --request-size=1048576 "nbd://$address/d" "$tmp/back"
ok "nbdcopy read what the disk has" cmp "$path" "$tmp/back"
counters_refresh
copied=$(counter arena-np zerocopy_copied)
ok "the kernel reported copies, as the client is on the same machine" [ "$copied" -gt 0 ]
ok "arena-np did not go on asking such a client's sends not to be copied" \
	[ "$(counter arena-np zerocopy_sends)" -le 64 ]
arenad_stop
done_testing
