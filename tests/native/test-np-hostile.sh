#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: no client can harm the daemons or another client, whatever it does.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

arenad_start --size 512M --disk "one=$(disk one 256M)" --disk "two=$(disk two 256M)"
ok "the first disk stays served while a hostile client uses it" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}" one
ok "the second disk stays served while a hostile client uses it" \
	"$BUILD/tests/native/nbd-hostile" "${address%:*}" "${address##*:}" two
ok "the first disk stays served while greedy clients use it" \
	"$BUILD/tests/native/nbd-greedy" "${address%:*}" "${address##*:}" one
counters_refresh
is "the network process counted no bad message of the storage processes" \
	"$(counter arena-np bad_messages)" 0
is "the storage process counted no bad message of the network process" \
	"$(counter arena-sp bad_messages)" 0
ok "the network process copied less than a tenth of the bytes that were written" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
arenad_stop
is "arenad ends with status 0 after hostile clients" "$status" 0
done_testing
