#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: see sp-turns.c, which this test runs on a regular file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

"$BUILD/tests/native/sp-turns" "$BUILD/arena-sp" "$(disk d 64M)" "$tmp/log"
status=$?
sed 's/^/# /' "$tmp/log"
exit "$status"
