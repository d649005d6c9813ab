#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np serves the disk of an SP if both speak a common version of the protocol, and logs
# why it does not serve another one.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo

rig_start --versions 4,9 --
ok "arena-np serves the disk of an SP that speaks versions 4 to 9" \
	nbdinfo --size "nbd://$address/d0"
ok "arena-np logs the version that it has in common with an SP of versions 4 to 9" \
	says "protocol version 4"
arenad_stop
is "arena-np ends with status 0 after an SP of versions 4 to 9" "$status" 0

# refused VERSIONS WHAT: arena-np refuses an SP that offers VERSIONS, and logs WHAT
refused()
{
	rig_run --versions "$1" -- --listen 127.0.0.1:0
	arenad_wait
	is "arena-np ends with status 1 if an SP offers versions $1" "$status" 1
	ok "arena-np logs why it refuses an SP that offers versions $1" says "$2"
	ok "arena-np was not ready before it refused an SP that offers versions $1" \
		test ! -s "$tmp/ready"
}

refused 5,9 "storage process of 'd0': it speaks versions 5 to 9 of the protocol, and arena-np 4 to 4"
refused 0,1 "storage process of 'd0': it speaks versions 0 to 1 of the protocol, and arena-np 4 to 4"
refused 9,1 "storage process of 'd0': it speaks versions 9 to 1 of the protocol, and arena-np 4 to 4"
done_testing
