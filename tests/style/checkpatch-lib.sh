# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the lists are for the tests, which source this file after lib.sh
# Runs checkpatch, for the tests beside this file.
checkpatch=/usr/local/share/linux/scripts/checkpatch.pl
[ -x "$checkpatch" ] || skip_all "needs checkpatch.pl, which the build root has"

# Types that the module is not checked for, with the reasons.
kernel_ignore=(
	LINUX_VERSION_CODE	# kmod/compat exists to compare it
	CONSTANT_COMPARISON	# takes KERNEL_VERSION(6, 13, 0) for a constant
	MACRO_ARG_REUSE		# the arguments are names of members, without side effects
)
# Types that tracepoints are not checked for: the whole kernel has another layout for them.
trace_ignore=(OPEN_ENDED_LINE PARENTHESIS_ALIGNMENT)
# Types that userspace is not checked for.
user_ignore=(
	MACRO_ARG_REUSE CONSTANT_COMPARISON
	ARRAY_SIZE BIT_MACRO CAMELCASE ENOSYS PREFER_DEFINED_ATTRIBUTE_MACRO
	PREFER_KERNEL_TYPES STRCPY STRNCPY	# these propose functions of the kernel
	EMBEDDED_FUNCTION_NAME		# wants "%s", __func__
	OPEN_ENDED_LINE			# interfaces of Varlink are macros of many lines
	MACRO_ARG_UNUSED		# a macro has variants that ignore an argument
	SPLIT_STRING STRING_FRAGMENTS	# usage texts and bytes of a protocol are split
	VOLATILE			# tests access memory that other processes write
)

join()
{
	local IFS=,

	echo "$*"
}

# check NAME IGNORED FILE...: checkpatch finds nothing but IGNORED types in the files
check()
{
	local name=$1 ignored=$2

	shift 2
	[ $# -gt 0 ] || { skip "$name" "no such files"; return; }
	# checkpatch would call git, and leaves a cache in its folder.
	printf "$PWD/%s\\0" "$@" | (
		PATH=$tmp/bin:$PATH
		cd "$tmp/root" && xargs -0 -n 12 -P "$(nproc)" \
			"$checkpatch" --no-tree --root=. --strict --terse --quiet \
			--show-types --color=never --ignore "$ignored" -f
	) 2>&1 | sed "s,^$PWD/,," >"$tmp/findings"
	# Lines of totals are not findings.
	sed -i '/^total: /d' "$tmp/findings"
	ok "$name" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
}

mkdir -p "$tmp/bin" "$tmp/root/include"
ln -s /bin/false "$tmp/bin/git"
