#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: checkpatch --strict finds nothing: all its types for the module, and for userspace
# all types that make sense outside the kernel. test-checkpatch-tests does the same for the tests.
# timeout: 1500
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=checkpatch-lib.sh
. "$(dirname "$0")/checkpatch-lib.sh"

mapfile -t kernel < <(find kmod include -name '*.[ch]' ! -name trace.h | sort)
mapfile -t user < <(find user examples -name '*.[ch]' | sort)
check "checkpatch finds nothing in the module and the device's header" \
	"$(join "${kernel_ignore[@]}")" "${kernel[@]}"
check "checkpatch finds nothing in the module's tracepoints" \
	"$(join "${kernel_ignore[@]}" "${trace_ignore[@]}")" kmod/trace.h
check "checkpatch finds nothing in userspace and examples" \
	"$(join "${user_ignore[@]}")" "${user[@]}"
done_testing
