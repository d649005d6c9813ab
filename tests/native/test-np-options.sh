#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np's command line does what --help says, and what is wrong is said.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

np=$BUILD/arena-np
status_of() { "$@" >"$tmp/said" 2>&1; echo $?; }
said() { grep -q -- "$1" "$tmp/said" || { cat "$tmp/said"; return 1; }; }

is "--help" "$(status_of "$np" --help)" 0
for option in region listen sp ready-fd max-connections idle-timeout \
	handshake-timeout stall-timeout verbose help version; do
	ok "--help tells of --$option" said "--$option"
done
is "--version" "$(status_of "$np" --version)" 0
ok "--version tells the version" said "^arena-np [0-9]"
is "an unknown option" "$(status_of "$np" --nonsense)" 2
is "no region" "$(status_of "$np" --listen 127.0.0.1:0 --sp a=0)" 2
ok "and says so" said "--region is missing"
is "a region that does not exist" \
	"$(status_of "$np" --region none --listen 127.0.0.1:0 --sp a=0)" 1
ok "and says so" said "region 'none'"

rig_start -- --listen "[::1]:0" -v
is "two addresses are ready" "$(awk '{ print NF }' "$tmp/ready")" 3
ok "IPv4 is" grep -q ' 127.0.0.1:[1-9]' "$tmp/ready"
ok "IPv6 is" grep -q ' \[::1\]:[1-9]' "$tmp/ready"
six=$(awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^\[/) print $i }' "$tmp/ready")
if command -v nbdinfo >/dev/null; then
	ok "IPv6 is served" nbdinfo --size "nbd://$six"
	ok "IPv4 is served" nbdinfo --size "nbd://$(awk '{ for (i = 2; i <= NF; i++)
		if ($i !~ /^\[/) print $i }' "$tmp/ready")"
	ok "-v tells of connections" says ": accepted, 1 now"
fi
arenad_stop

rig_start --
taken=$address
first=$arenad_pid
rig_run -- --listen "$taken"
arenad_wait
is "an address in use" "$status" 1
ok "and says which" says "cannot listen on $taken"
kill "$first"
wait "$first"
done_testing
