#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Built for a kernel that it cannot work with, the module stops at the first file
# and says what is missing. The kernel is made up: empty headers, and macros.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cpp

compat=kmod/compat/compat.h
include=$tmp/include
# All that it includes; one of them tells of the kernel.
sed -n 's/^#include <\([^>]*\)>.*/\1/p' "$compat" | while read -r header; do
	mkdir -p "$include/$(dirname "$header")"
	: >"$include/$header"
done
cat >"$include/linux/version.h" <<'EOF'
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(MAJOR, MINOR, 0)
EOF

declare -A kernel=(
	[MAJOR]=6 [MINOR]=12 [CONFIG_X86_64]=1 [CONFIG_PGTABLE_LEVELS]=4
	[CONFIG_TRANSPARENT_HUGEPAGE]=1 [CONFIG_HUGETLB_PAGE]=1 [CONFIG_MMU_NOTIFIER]=1
)

# preprocess [NAME=VALUE...]: a kernel that differs in these; no value: not set
preprocess()
{
	local name change options=()
	local -A that

	for name in "${!kernel[@]}"; do
		that[$name]=${kernel[$name]}
	done
	for change in "$@"; do
		that[${change%%=*}]=${change#*=}
	done
	for name in "${!that[@]}"; do
		[ -z "${that[$name]}" ] || options+=("-D$name=${that[$name]}")
	done
	cpp -nostdinc -I"$include" "${options[@]}" "$compat" 2>"$tmp/errors" >"$tmp/out"
}

# stops NAME SENTENCE CHANGE...: the build for such a kernel does, and says so
stops()
{
	local name=$1 sentence=$2

	shift 2
	not_ok "$name: the build stops" preprocess "$@"
	is "$name: and says what is missing" "$(sed -n 's/.*#error "\(.*\)"/\1/p' "$tmp/errors" | head -n 1)" "$sentence"
}

ok "a kernel with all of it" preprocess
ok "and no word against it" test ! -s "$tmp/errors"
ok "five levels of page tables" preprocess CONFIG_PGTABLE_LEVELS=5
ok "the oldest kernel" preprocess MAJOR=6 MINOR=8
stops "an older kernel" "msharearena needs Linux 6.8 or later" MINOR=7
stops "a much older kernel" "msharearena needs Linux 6.8 or later" MAJOR=5 MINOR=19
stops "32 bits" "msharearena needs x86-64: it writes x86-64 page tables" \
	CONFIG_X86_64= CONFIG_PGTABLE_LEVELS=3
stops "three levels" "msharearena needs page tables of at least four levels" CONFIG_PGTABLE_LEVELS=3
stops "no transparent huge pages" \
	"msharearena needs CONFIG_TRANSPARENT_HUGEPAGE: a 1 GiB leaf is a table to a kernel without" \
	CONFIG_TRANSPARENT_HUGEPAGE=
stops "no hugetlb" "msharearena needs CONFIG_HUGETLB_PAGE: its memory comes from the huge page pools" \
	CONFIG_HUGETLB_PAGE=
stops "no notifiers" \
	"msharearena needs CONFIG_MMU_NOTIFIER (CONFIG_KVM selects it)" \
	CONFIG_MMU_NOTIFIER=

# Nothing that it asks for is left out above.
is "each of its sentences was heard" "$(sed -n 's/^#error "\(.*\)"/\1/p' "$compat" | sort -u | wc -l)" 6
oldest=$(sed -n 's/^Linux-Oldest: *//p' META)
ok "META names the same oldest kernel" grep -q "needs Linux $oldest or later" "$compat"
done_testing
