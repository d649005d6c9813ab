#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: hostile clients do not disturb good ones, on the module.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo

pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$disk0"
# It has two good clients of its own, which verify what they write meanwhile.
ok "every way to be hostile, beside clients that verify their data" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}"
ok "greedy clients, beside clients that verify their data" \
	"$BUILD/tests/native/nbd-greedy" "${address%:*}" "${address##*:}" one
ok "a new client is served" nbdinfo "nbd://$address/one"
counters_refresh
is "no message between NP and SP was bad" "$(counter arena-sp bad_messages)" 0
arenad_stop
is "status" "$status" 0
done_testing
