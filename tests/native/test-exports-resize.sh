#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a block device that grows or shrinks while it is served is told to new clients, and
# established ones get clean errors beyond its end. Clients are told whether it rotates.
# Method: a loop device whose file grows and shrinks.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=resize-lib.sh
. "$(dirname "$0")/resize-lib.sh"
requires losetup nbdinfo python3 qemu-io

path=$(disk d 16M)
loop=$(losetup --find --show "$path" 2>/dev/null) || skip_all "no loop device here"
at_exit losetup --detach "$loop"
rotates=/sys/block/${loop#/dev/}/queue/rotational
before=$(cat "$rotates")

# resize_loop BYTES
resize_loop()
{
	truncate -s "$1" "$path"
	losetup --set-capacity "$loop"
}

# The attribute is read when arena-sp starts.
echo 1 >"$rotates"
arenad_start --disk "d=$loop"
ok "a client is told of a device that rotates that it does" \
	nbdinfo --is rotational "nbd://$address/d"
arenad_stop
echo 0 >"$rotates"
arenad_start --nps 2 --disk "d=$loop"
echo "$before" >"$rotates"
ok "a client is told of a device that does not rotate that it does not" \
	nbdinfo --isnt rotational "nbd://$address/d"
resize_checks "a loop device" "nbd://$address/d" resize_loop
arenad_stop
is "a loop device: arenad ends with status 0 after its device has changed its size" "$status" 0
done_testing
