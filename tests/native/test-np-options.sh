#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np listens where its options say, and says what is wrong with an address.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

np=$BUILD/arena-np
status_of() { "$@" >"$tmp/said" 2>&1; echo $?; }
said() { grep -q -- "$1" "$tmp/said" || { cat "$tmp/said"; return 1; }; }

is "a region that does not exist: status" \
	"$(status_of "$np" --region none --listen 127.0.0.1:0 --sp a=0)" 1
ok "a region that does not exist: it says which" said "region none"

rig_start -- --listen "[::1]:0" -v
is "arena-np with two addresses says that two are ready" "$(awk '{ print NF }' "$tmp/ready")" 3
ok "one of them is IPv4, with the port filled in" grep -q ' 127.0.0.1:[1-9]' "$tmp/ready"
ok "one of them is IPv6, with the port filled in" grep -q ' \[::1\]:[1-9]' "$tmp/ready"
six=$(awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^\[/) print $i }' "$tmp/ready")
if command -v nbdinfo >/dev/null; then
	ok "a client is served over IPv6" nbdinfo --size "nbd://$six"
	ok "a client is served over IPv4" nbdinfo --size "nbd://$(awk '{ for (i = 2; i <= NF; i++)
		if ($i !~ /^\[/) print $i }' "$tmp/ready")"
	ok "arena-np -v tells of connections" says ": accepted from 127.0.0.1:"
fi
arenad_stop

rig_start --
taken=$address
first=$arenad_pid
rig_run -- --listen "$taken"
arenad_wait
is "an address in use: status" "$status" 1
ok "an address in use: it says which" says "cannot listen on $taken"
kill "$first"
wait "$first"
done_testing
