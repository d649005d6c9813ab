#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: see sp-rig.c, which this test runs on a regular file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires perl

path=$(disk d 64M)
perl -e 'print pack("Q<", 8 * $_) for 0 .. (8 << 20) - 1' >"$path"
"$BUILD/tests/native/sp-rig" "$BUILD/arena-sp" "$path" "$tmp/log"
status=$?
sed 's/^/# /' "$tmp/log"
exit "$status"
