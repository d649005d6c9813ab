#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np listens on the addresses of its options, and logs what is wrong with one of them.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

np=$BUILD/arena-np
status_of() { "$@" >"$tmp/said" 2>&1; echo $?; }
said() { grep -q -- "$1" "$tmp/said" || { cat "$tmp/said"; return 1; }; }

is "arena-np ends with status 1 if its region does not exist" \
	"$(status_of "$tools/np-rig" "$np" --region none --listen 127.0.0.1:0)" 1
ok "arena-np names the region that does not exist" said "cannot open region none"
is "arena-np ends with status 1 if it has not inherited a layout" \
	"$(status_of "$np" --region none --listen 127.0.0.1:0 --sp a=0,1,2 --control-fd 0 \
	--layout-fd 99)" 1
ok "arena-np says that it has no layout" said "the inherited layout cannot be used"

rig_start -- --listen "[::1]:0" -v
is "arena-np with two addresses reports two addresses as ready" \
	"$(awk '{ print NF }' "$tmp/ready")" 3
ok "arena-np reports its IPv4 address with the port that it got" \
	grep -q ' 127.0.0.1:[1-9]' "$tmp/ready"
ok "arena-np reports its IPv6 address with the port that it got" \
	grep -q ' \[::1\]:[1-9]' "$tmp/ready"
six=$(awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^\[/) print $i }' "$tmp/ready")
if command -v nbdinfo >/dev/null; then
	ok "arena-np serves a client over IPv6" nbdinfo --size "nbd://$six"
	ok "arena-np serves a client over IPv4" \
		nbdinfo --size "nbd://$(awk '{ for (i = 2; i <= NF; i++)
		if ($i !~ /^\[/) print $i }' "$tmp/ready")"
	ok "arena-np -v logs each connection" says ": accepted from 127.0.0.1:"
else
	skip "arena-np serves clients over IPv6 and IPv4" "needs nbdinfo"
fi
arenad_stop

rig_start --
taken=$address
first=$arenad_pid
rig_run -- --listen "$taken"
arenad_wait
is "arena-np ends with status 1 if an address is in use" "$status" 1
ok "arena-np names the address that is in use" says "cannot listen on $taken"
kill "$first"
wait "$first"
done_testing
