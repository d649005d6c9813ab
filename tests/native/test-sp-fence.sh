#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: see sp-fence.c, which this test runs on a regular file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

"$BUILD/tests/native/sp-fence" "$BUILD/arena-sp" "$(disk d 512M)" "$tmp/log"
status=$?
sed 's/^/# /' "$tmp/log"
exit "$status"
