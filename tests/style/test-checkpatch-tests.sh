#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: checkpatch --strict finds nothing in the tests.
# run: long
# timeout: 1500
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=checkpatch-lib.sh
. "$(dirname "$0")/checkpatch-lib.sh"

mapfile -t tests < <(find tests -name '*.[ch]' | sort)
check "checkpatch finds nothing in the tests" "$(join "${user_ignore[@]}")" "${tests[@]}"
done_testing
