#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the example of the library works on the module as it does on a memfd: it
# takes what is there. What it has to do is said in native/test-examples.sh.
[ -e /dev/msharearena ] || { echo "needs the module: run in tests/vm/vm"; exit 77; }
exec "$(dirname "$0")/../native/test-examples.sh"
