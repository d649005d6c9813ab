#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the daemons serve a disk with every transport and every way of waiting that arenad's
# command line offers, and both processes use what it says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy

path=$(disk d 16M)
head -c 16M /dev/urandom >"$tmp/image"

# serve TRANSPORT WAIT: copy an image there and back
serve()
{
	local with="--transport $1 --wait $2"

	arenad_start --size 256M --disk "d=$path" --transport "$1" --wait "$2"
	is "$with: the processes have the options of arenad" \
		"$(pgrep -c -P "$arenad_pid" -f -- "arena-[ns]p .*$with")" $((NPS + SPS))
	ok "$with: nbdcopy writes an image" nbdcopy --flush "$tmp/image" "nbd://$address/d"
	ok "$with: nbdcopy reads it" nbdcopy "nbd://$address/d" "$tmp/back"
	ok "$with: nbdcopy read what it had written" cmp "$tmp/image" "$tmp/back"
	arenad_stop
	is "$with: arenad stops with status 0" "$status" 0
}

for transport in hybrid msg-ring; do
	for wait in sleep adapt poll; do
		serve "$transport" "$wait"
		head -c 16M /dev/urandom >"$tmp/image"
	done
done
done_testing
