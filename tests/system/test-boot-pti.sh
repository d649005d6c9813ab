#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the module works where each process has two copies of the P4D entry, which is so
# with page table isolation and four levels. Other tests run with five levels and without
# isolation.
# timeout: 300
# vm: append=pti=on no5lvl
# vm: debug
# vm: long
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

ok "the kernel isolates page tables" grep -qw pti /proc/cpuinfo
not_ok "the kernel uses four levels of page tables" grep -qw la57 /proc/cpuinfo
for program in attach export hostile leaf io; do
	ok "tests/uapi/$program passes with page table isolation" "$BUILD/tests/uapi/$program"
done
done_testing
