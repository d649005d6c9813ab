#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the build of the module for a kernel with which it cannot work stops at the first
# file with a sentence that says what the kernel lacks.
# Method: the kernel is made up of empty headers and macros.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cpp

compat=kmod/compat/compat.h
include=$tmp/include
# All headers that compat.h includes are empty but version.h.
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

# preprocess [NAME=VALUE...]: preprocess compat.h for a kernel with these options; an option
# without a value is not set
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

# stops NAME SENTENCE CHANGE...: the build for a kernel with the change stops with the
# sentence
stops()
{
	local name=$1 sentence=$2

	shift 2
	not_ok "the build for $name stops" preprocess "$@"
	is "the build for $name says what is missing" \
		"$(sed -n 's/.*#error "\(.*\)"/\1/p' "$tmp/errors" | head -n 1)" "$sentence"
}

ok "the build accepts a kernel that has everything" preprocess
ok "the build prints nothing for a kernel that has everything" test ! -s "$tmp/errors"
ok "the build accepts five levels of page tables" preprocess CONFIG_PGTABLE_LEVELS=5
ok "the build accepts the oldest supported kernel" preprocess MAJOR=6 MINOR=8
stops "an older kernel" "msharearena needs Linux 6.8 or later" MINOR=7
stops "a much older kernel" "msharearena needs Linux 6.8 or later" MAJOR=5 MINOR=19
stops "a 32-bit kernel" "msharearena needs x86-64: it writes x86-64 page tables" \
	CONFIG_X86_64= CONFIG_PGTABLE_LEVELS=3
stops "a kernel with three levels of page tables" \
	"msharearena needs page tables of at least four levels" CONFIG_PGTABLE_LEVELS=3
stops "a kernel without transparent huge pages" \
	"msharearena needs CONFIG_TRANSPARENT_HUGEPAGE: a 1 GiB leaf is a table to a kernel without" \
	CONFIG_TRANSPARENT_HUGEPAGE=
stops "a kernel without hugetlb" \
	"msharearena needs CONFIG_HUGETLB_PAGE: its memory comes from the huge page pools" \
	CONFIG_HUGETLB_PAGE=
stops "a kernel without MMU notifiers" \
	"msharearena needs CONFIG_MMU_NOTIFIER (CONFIG_KVM selects it)" \
	CONFIG_MMU_NOTIFIER=

# The kernels above lack everything that compat.h checks.
is "this test knows all errors of compat.h" \
	"$(sed -n 's/^#error "\(.*\)"/\1/p' "$compat" | sort -u | wc -l)" 6
oldest=$(sed -n 's/^Linux-Oldest: *//p' META)
ok "META names the oldest kernel that compat.h accepts" \
	grep -q "needs Linux $oldest or later" "$compat"
done_testing
