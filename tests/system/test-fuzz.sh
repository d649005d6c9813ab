#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the fuzzer works and finds nothing, with operations that are the same in each run
# and with new ones; `make fuzz` runs it for longer.
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# try NAME SEED: the fuzzer's output consists of comments, so that it can be printed as it is
try()
{
	"$BUILD/tests/fuzz/fuzz" --seed "$2" --seconds 10
	result "$?" "the fuzzer with $1 finds no difference to its model in 10 seconds"
}

try "a fixed seed" 1
try "a seed from the clock" "$(date +%s)"
done_testing
