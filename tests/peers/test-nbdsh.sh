#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: each command and option that libnbd can send, in each style of replies, does what it should,
# and each mistake gets its error.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdsh losetup

readonly_disk=$(loop "$(data readonly 4M)" --read-only)
[ -z "$readonly_disk" ] || at_exit losetup --detach "$readonly_disk"
for nps in 1 3; do
	arenad_start --size 512M --nps "$nps" --disk "d=$(disk "d$nps" 32M)" \
		${readonly_disk:+--disk "readonly=$readonly_disk"}
	export DISK=nbd://$address/d
	[ -z "$readonly_disk" ] || export READONLY=nbd://$address/readonly
	script=0
	timeout 100 nbdsh -n -c - <tests/peers/commands.py >"$tmp/said" 2>"$tmp/trace" || script=$?
	while read -r is_wrong name; do
		result "$is_wrong" "$name, with $nps network processes"
	done <"$tmp/said"
	is "the script ends with status 0, with $nps network processes" "$script" 0 ||
		diag "$(tail -n 30 "$tmp/trace")"
	grep -q '^1 ' "$tmp/said" && diag "$(grep -v '^nbdsh>' "$tmp/trace" | tail -n 40)"
	counters_refresh
	is "each NP counts no bad message, with $nps network processes" \
		"$(grep 'arena-np.*: counters' "$tmp/log" | grep -vc ' bad_messages=0 ')" 0
	arenad_stop
	is "arenad ends with status 0, with $nps network processes" "$status" 0
done
done_testing
