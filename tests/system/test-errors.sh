#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when an NVMe command fails, its status becomes the error that the client gets and a line in
# arena-sp's log that says what the controller said, and nothing else fails.
# Method: a disk on which each access to one block fails, in QEMU's file below its controller.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-io

bad=${VM_DISK3:?names a disk of which the block at 1 MiB cannot be used}

# io COMMAND...: qemu-io's commands, at the disk
io()
{
	local args=() command

	for command in "$@"; do
		args+=(-c "$command")
	done
	qemu-io -f raw "${args[@]}" "nbd://$address/one"
}

# fails ERROR COMMAND: qemu-io says that the command failed with this error
fails()
{
	io "$2" >"$tmp/io" 2>&1
	grep -q "$1" "$tmp/io"
}

# logs TEXT: a line of arena-sp's log has this text
logs() { says "arena-sp 0: warning: $1"; }

pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$bad" --disk-backend nvme
ok "a write beside the bad block succeeds" io "write -P 7 0 1M" "write -P 8 1052672 64k"
ok "a read of the bad block fails with EIO at the client" \
	fails "Input/output error" "read 1M 4k"
ok "arena-sp logs what NVMe status the read ended with" \
	logs "read of 4096 bytes at 1048576: Unrecovered Read Error"
ok "a write of the bad block fails with EIO at the client" \
	fails "Input/output error" "write -P 9 1M 4k"
ok "arena-sp logs what NVMe status the write ended with" \
	logs "write of 4096 bytes at 1048576: Write Fault"
ok "a long read with the bad block in it fails with EIO at the client" \
	fails "Input/output error" "read 512k 1M"
ok "a write of zeroes to the bad block fails with EIO at the client" \
	fails "Input/output error" "write -z 1M 4k"
ok "arena-sp logs what NVMe status the write of zeroes ended with" \
	logs "write of zeroes of 4096 bytes at 1048576: Write Fault"
ok "the blocks around the bad one have what was written there" \
	io "read -P 7 0 1M" "read -P 8 1052672 64k"
counters_refresh
is "arena-sp counted each request that failed" "$(counter arena-sp errors)" 4
is "arena-sp did not try an unrecoverable command again" "$(counter arena-sp retries)" 0
arenad_stop
is "arenad ends with status 0 after the disk failed" "$status" 0
done_testing
