#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with NVMe passthrough, code in a storage process can send its disk commands that read and
# write blocks, and no other: none to the controller, which could format or sanitize it or change
# its firmware, and none of its maker's.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

program=$BUILD/tests/system/passthrough
character=/dev/ng${disk0#/dev/nvme}

"$program" "$character" >"$tmp/none"
ok "the kernel answers all commands of a process without capabilities" [ "$?" = 0 ]
"$program" "$character" privileged >"$tmp/all"
ok "the kernel answers all commands of a process with capabilities" [ "$?" = 0 ]

# sends FILE KIND: print the opcodes of a kind that can be sent
sends()
{
	sed -n "s/^$2 //p" "$1"
}

# FLUSH, WRITE, READ, COMPARE, WRITE ZEROES, DATASET MANAGEMENT, VERIFY, I/O MANAGEMENT RECEIVE,
# COPY, I/O MANAGEMENT SEND.
is "a process without capabilities sends to a namespace what reads, writes or discards blocks" \
	"$(sends "$tmp/none" io)" "00 01 02 05 08 09 0c 12 19 1d"
is "a process without capabilities sends no command to the controller" \
	"$(sends "$tmp/none" admin)" ENOTTY
is "a process with capabilities sends any command to a namespace" \
	"$(sends "$tmp/all" io | wc -w)" 256
is "by the device of a namespace no process sends a command to the controller" \
	"$(sends "$tmp/all" admin)" ENOTTY
done_testing
