#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a network process that is started in the place of a dead one serves with the files of TLS that
# arenad has read last, and keeps the limits and the rules of exports.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires certtool nbdinfo nbdsh
# shellcheck source-path=SCRIPTDIR source=options-lib.sh
. "$(dirname "$0")/options-lib.sh"

try_options "$(disk guarded 16M)" "$(disk single 16M)" --size 384M
arenad_stop
is "arenad ends with status 0 after three deaths of each network process" "$status" 0
done_testing
