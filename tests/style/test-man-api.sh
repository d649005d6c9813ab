#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The manual pages of the library's calls and of the device say what the headers
# and the module say: names, prototypes, structures, commands and their errors,
# parameters, attributes, tracepoints.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires mandoc cc

page=user/man/msharearena.4
uapi=include/uapi/linux/msharearena.h
flags=(-std=gnu11 -Wall -Werror -fsyntax-only -Iuser/include -Iinclude/uapi)

# same NAME GOT WANT: two sorted lists, of which there is something
same()
{
	ok "$1" test -s "$3" -a -z "$(comm -3 "$2" "$3")" && return
	comm -23 "$2" "$3" | sed 's/^/# only in the page: /'
	comm -13 "$2" "$3" | sed 's/^/# not in the page: /'
}

# contains NAME GOT WANT: two sorted lists, the second one within the first
contains()
{
	ok "$1" test -s "$3" -a -z "$(comm -13 "$2" "$3")" && return
	comm -13 "$2" "$3" | sed 's/^/# not in the page: /'
}

# section PAGE NAME: the source of a section
section()
{
	awk -v name="$2" '/^\.Sh / { is_in = substr($0, 5) == name; next } is_in' "$1"
}

# names PAGE: those that NAME has
names()
{
	section "$1" NAME | sed -n 's/^\.Nm \([^ ]*\).*/\1/p'
}

# text PAGE: as one reads it, without backspaces
text()
{
	mandoc -T ascii -O width=120 "$1" | sed 's/.\x08//g'
}

# Rendered page in, the C of its SYNOPSIS out.
synopsis()
{
	awk '/^[A-Z]/ { is_in = /^SYNOPSIS/; next } is_in'
}

# Rendered page in; out come its structures under other names, and assertions
# that the header's have the same members at the same places.
structures()
{
	awk '
	/^ *struct [a-z_]+ \{$/ {
		tag = $2; n = 0
		print "struct page_" tag " {"
		next
	}
	tag && /^ *};$/ {
		print "};"
		printf "_Static_assert(sizeof(struct page_%s) == sizeof(struct %s), \"size\");\n", tag, tag
		while (n) {
			m = member[n--]
			printf "_Static_assert(__builtin_offsetof(struct page_%s, %s) == " \
			       "__builtin_offsetof(struct %s, %s), \"%s\");\n", tag, m, tag, m, m
		}
		tag = ""
		next
	}
	tag {
		print
		name = $0
		sub(/[;[].*/, "", name)
		sub(/.*[ *]/, "", name)
		if ($0 ~ /;/)
			member[++n] = name
	}'
}

# structures_of HEADER: the tags of what it defines
structures_of()
{
	sed -n 's/^struct \([a-z_]*\) {$/\1/p' "$1" | sort
}

# Source of a page in, the errors that it lists out.
errors()
{
	sed -n 's/^\.It Bq Er \([A-Z0-9]*\).*/\1/p' | sort -u
}

check_calls()
{
	cc -E -P -Iuser/include user/include/mshare.h | grep -oE '\bmshare[a-z_]*\(' |
		tr -d '(' | sort >"$tmp/header"
	for p in user/man/*.3; do names "$p"; done | sort >"$tmp/pages"
	same "each call has one page" "$tmp/pages" "$tmp/header"
}

check_page_of_calls()
{
	local p=$1

	is "$p is called like its first call" "$(names "$p" | head -n 1).3" "${p##*/}"
	{
		echo '#include <mshare.h>'
		text "$p" | synopsis
		text "$p" | structures
	} >"$tmp/page.c"
	ok "$p: prototypes and structures are the header's" cc "${flags[@]}" "$tmp/page.c"
	grep -oE '^ *mshare[a-z_]*\(' "$tmp/page.c" | tr -d ' (' | sort >"$tmp/page"
	names "$p" | sort >"$tmp/names"
	same "$p: its synopsis has its calls" "$tmp/page" "$tmp/names"
}

# commands: lines "COMMAND ERROR" from the kernel-doc of the structures
errors_of_commands()
{
	awk '
	/^\/\*\*/ { command = ""; in_errors = 0 }
	/^ \* struct [a-z_]+ - MSHAREARENA_/ { command = $5; sub(/:.*/, "", command) }
	/^ \*\/$/ { command = "" }
	/Errors:/ { in_errors = 1 }
	command && in_errors {
		n = split($0, words, /[^A-Z0-9_]+/)
		for (i = 1; i <= n; i++)
			if (words[i] ~ /^E[A-Z0-9]+$/)
				print command, words[i]
	}' "$uapi" | sort -u
}

# part COMMAND: what the page says of it
part()
{
	awk -v command="$1" '
		/^\.It Dv MSHAREARENA_/ { is_in = $3 == command }
		/^\.S[sh] / { is_in = 0 }
		is_in' "$page"
}

check_commands()
{
	local command

	sed -n 's/^#define \(MSHAREARENA_[A-Z0-9_]*\)[ \t].*/\1/p' "$uapi" |
		grep -v '_IOC$' | sort >"$tmp/header"
	text "$page" | grep -oE 'MSHAREARENA_[A-Z0-9_]+' | sort -u >"$tmp/page"
	contains "every name of the device's header" "$tmp/page" "$tmp/header"
	sed -n 's/^ \*   \(E[A-Z0-9]*\)  .*/\1/p' "$uapi" | sort >"$tmp/header"
	sed '/^\.Ss Commands on/,$d' "$page" | errors >"$tmp/page"
	contains "the errors that every command has" "$tmp/page" "$tmp/header"
	errors_of_commands >"$tmp/errors"
	for command in $(cut -d' ' -f1 "$tmp/errors" | uniq); do
		sed -n "s/^$command //p" "$tmp/errors" >"$tmp/header"
		part "$command" | errors >"$tmp/page"
		contains "the errors of $command" "$tmp/page" "$tmp/header"
	done
}

check_device_structures()
{
	{
		echo '#include <linux/msharearena.h>'
		text "$page" | structures
	} >"$tmp/page.c"
	ok "the device's structures are the header's" cc "${flags[@]}" "$tmp/page.c"
	structures_of "$uapi" >"$tmp/header"
	sed -n 's/^struct page_\([a-z_]*\) {$/\1/p' "$tmp/page.c" | sort >"$tmp/page"
	same "and all of them" "$tmp/page" "$tmp/header"
}

check_module()
{
	grep -ohE '\<module_param(_named)?\([a-z_]+' kmod/*.c | sed 's/.*(//' | sort >"$tmp/module"
	section "$page" PARAMETERS | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	same "the module's parameters" "$tmp/page" "$tmp/module"
	{
		grep -ohE '^(static )?(MSHA_ATTR|DEVICE_ATTR_RO)\([a-z]\w*' kmod/*.c
		grep -ohE '^(TRACE_EVENT\(|DEFINE_EVENT\(\w+, )\w+' kmod/trace.h
	} | sed 's/.*[( ]//' | sort -u >"$tmp/module"
	section "$page" FILES | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	same "attributes in sysfs, and tracepoints" "$tmp/page" "$tmp/module"
}

check_calls
for p in user/man/*.3; do
	check_page_of_calls "$p"
done
structures_of user/include/mshare.h >"$tmp/header"
for p in user/man/*.3; do
	text "$p" | structures | sed -n 's/^struct page_\([a-z_]*\) {$/\1/p'
done | sort >"$tmp/pages"
same "the library's structures" "$tmp/pages" "$tmp/header"
check_commands
check_device_structures
check_module
done_testing
