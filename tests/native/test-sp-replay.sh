#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: see sp-replay.c, which this test runs on a regular file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

path=$(disk d 64M)
# A part of the file has data, so that a block of it is not full of one byte.
head -c 1M /dev/urandom | dd of="$path" conv=notrunc status=none
"$BUILD/tests/native/sp-replay" "$BUILD/arena-sp" "$path" "$tmp/log"
status=$?
sed 's/^/# /' "$tmp/log"
exit "$status"
