#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a client gets every reply that is due, whichever way it ends; see nbd-farewell.c. A send
# without a copy waits for the client by itself, so that it hides half of what may go wrong.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

for zerocopy in auto never; do
	arenad_start --size 128M --disk "one=$(disk one 64M)" --zerocopy-threshold "$zerocopy"
	ok "a client gets every reply that is due with zero-copy sends $zerocopy" \
		"$tools/nbd-farewell" "${address%:*}" "${address##*:}" one
	arenad_stop
	is "arenad ends with status 0 after all farewells" "$status" 0
done
done_testing
