#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the examples work on the module as they do on a memfd. They choose the backend
# themselves; native/test-examples.sh has the checks.
# vm: once
[ -e /dev/msharearena ] || { echo "needs the module: run in tests/vm/vm"; exit 77; }
exec "$(dirname "$0")/../native/test-examples.sh"
