#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's style: all of checkpatch --strict for what is kernel code, and
# for userspace all but what only makes sense in the kernel.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

checkpatch=/usr/local/share/linux/scripts/checkpatch.pl
[ -x "$checkpatch" ] || skip_all "needs checkpatch.pl, which the build root has"

# Types that are not asked of the module, and why.
kernel_ignore=(
	LINUX_VERSION_CODE	# kmod/compat is there for it
	CONSTANT_COMPARISON	# sees KERNEL_VERSION(6, 13, 0) as a constant
	MACRO_ARG_REUSE		# of members' names, which have no side effects
)
# Nor of tracepoints, whose macros the whole kernel lays out in its own way.
trace_ignore=(OPEN_ENDED_LINE PARENTHESIS_ALIGNMENT)
# Types that are not asked of userspace.
user_ignore=(
	MACRO_ARG_REUSE CONSTANT_COMPARISON
	ARRAY_SIZE BIT_MACRO CAMELCASE ENOSYS PREFER_DEFINED_ATTRIBUTE_MACRO
	PREFER_KERNEL_TYPES STRCPY STRNCPY	# offer what only the kernel has
	EMBEDDED_FUNCTION_NAME		# wants "%s", __func__
	MACRO_ARG_UNUSED		# variants of one macro
	SPLIT_STRING STRING_FRAGMENTS	# usage texts, bytes of a protocol
	VOLATILE			# tests of memory that others write
)

join()
{
	local IFS=,

	echo "$*"
}

# check NAME IGNORED FILE...
check()
{
	local name=$1 ignored=$2

	shift 2
	[ $# -gt 0 ] || { skip "$name" "no such files"; return; }
	# It looks for git and leaves a cache where it runs: neither is wanted.
	printf "$PWD/%s\\0" "$@" | (
		PATH=$tmp/bin:$PATH
		cd "$tmp/root" && xargs -0 -n 12 -P "$(nproc)" \
			"$checkpatch" --no-tree --root=. --strict --terse --quiet \
			--show-types --color=never --ignore "$ignored" -f
	) 2>&1 | sed "s,^$PWD/,," >"$tmp/findings"
	# Its totals are not findings.
	sed -i '/^total: /d' "$tmp/findings"
	ok "$name" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
}

mkdir -p "$tmp/bin" "$tmp/root/include"
ln -s /bin/false "$tmp/bin/git"
mapfile -t kernel < <(find kmod include -name '*.[ch]' ! -name trace.h | sort)
mapfile -t user < <(find user tests examples -name '*.[ch]' | sort)
check "the module and its interface" "$(join "${kernel_ignore[@]}")" "${kernel[@]}"
check "its tracepoints" "$(join "${kernel_ignore[@]}" "${trace_ignore[@]}")" kmod/trace.h
check "userspace, examples and tests" "$(join "${user_ignore[@]}")" "${user[@]}"
done_testing
