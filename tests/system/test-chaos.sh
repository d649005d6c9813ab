#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients find everything that was acknowledged while processes of arenad on the module are
# killed, stopped and replaced, connections are cut, and disks have errors, hang, become slow and go
# away.
# timeout: 1800
# run: long
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=chaos-lib.sh
. "$(dirname "$0")/chaos-lib.sh"

# A seed that has all kinds of actions within this time, which takes some minutes in the machine.
chaos_in_machine 60 "${SEED:-3}"
done_testing
