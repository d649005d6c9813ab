#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the fuzzer works and finds nothing, with the same operations each time
# and with some that nobody has tried before; `make fuzz` runs it for longer.
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Its lines are comments already, and the last of them are what matters.
try()
{
	"$BUILD/tests/fuzz/fuzz" --seed "$2" --seconds 10
	result "$?" "$1: 10 seconds, no difference to the model"
}

try "a fixed seed" 1
try "a seed from the clock" "$(date +%s)"
done_testing
