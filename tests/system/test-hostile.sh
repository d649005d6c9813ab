#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module hostile clients do not disturb others.
# timeout: 600
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo

pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$disk0"
# These programs have clients of their own that verify what they write meanwhile.
ok "clients that verify their data are not disturbed by hostile ones" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}" one
ok "clients that verify their data are not disturbed by greedy ones" \
	"$BUILD/tests/native/nbd-greedy" "${address%:*}" "${address##*:}" one
ok "a new client is served after hostile and greedy ones" nbdinfo "nbd://$address/one"
counters_refresh
is "the SP received no bad message" "$(counter arena-sp bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after hostile clients" "$status" 0
done_testing
