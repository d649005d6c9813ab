#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: no client, whatever it does, hurts the daemons or another client.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

arenad_start --size 512M --disk "one=$(disk one 256M)" --disk "two=$(disk two 256M)"
ok "a hostile client of the first disk" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}" one
ok "a hostile client of the second disk" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}" two
ok "greedy clients of the first disk" \
	"$BUILD/tests/native/nbd-greedy" "${address%:*}" "${address##*:}" one
counters_print 3
is "the storage processes' messages were good" "$(counter arena-np bad_messages)" 0
is "the network process's messages were good" "$(counter arena-sp bad_messages)" 0
ok "the network process copied less than a tenth of what was written" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
arenad_stop
is "arenad after hostile clients: status" "$status" 0
done_testing
