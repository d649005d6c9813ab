#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: see sp-order.c, which this test runs on a regular file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

path=$(disk d 64M)
"$BUILD/tests/native/sp-order" "$BUILD/arena-sp" "$path" "$tmp/log" 3000
status=$?
sed 's/^/# /' "$tmp/log"
exit "$status"
