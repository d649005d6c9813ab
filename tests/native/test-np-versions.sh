#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np serves the disk of an SP that speaks a version of the protocol that
# it speaks, too, and says why it does not serve another.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo

rig_start --versions 1,9 --
ok "versions 1 to 9: the disk is served" nbdinfo --size "nbd://$address/d0"
ok "versions 1 to 9: the common version is logged" says "protocol version 1"
arenad_stop
is "versions 1 to 9: stops well" "$status" 0

# refused VERSIONS WHAT
refused()
{
	rig_run --versions "$1" -- --listen 127.0.0.1:0
	arenad_wait
	is "versions $1: arena-np gives up" "$status" 1
	ok "versions $1: it says why" says "$2"
	ok "versions $1: it was not ready" test ! -s "$tmp/ready"
}

refused 2,9 "storage process of 'd0': it speaks versions 2 to 9 of the protocol, and arena-np 1 to 1"
refused 0,1 "storage process of 'd0': it speaks versions 0 to 1 of the protocol, and arena-np 1 to 1"
refused 9,1 "storage process of 'd0': it speaks versions 9 to 1 of the protocol, and arena-np 1 to 1"
done_testing
