#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the manual pages of the libraries' calls and of the device agree with the headers
# and the module in names, prototypes, structures, commands and their errors, parameters,
# lines of fdinfo, and tracepoints.
# timeout: 400
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires mandoc cc

page=user/man/msharearena.4
uapi=include/uapi/linux/msharearena.h
includes=(-Iuser/include -Iuser -Iinclude/uapi)
flags=(-std=gnu11 -Wall -Werror -fsyntax-only "${includes[@]}")

# same NAME GOT WANT: two sorted lists are equal and not empty
same()
{
	ok "$1" test -s "$3" -a -z "$(comm -3 "$2" "$3")" && return
	comm -23 "$2" "$3" | sed 's/^/# only in the page: /'
	comm -13 "$2" "$3" | sed 's/^/# not in the page: /'
}

# contains NAME GOT WANT: the first sorted list contains the second one, which is not empty
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

# names PAGE: the names in the section NAME
names()
{
	section "$1" NAME | sed -n 's/^\.Nm \([^ ]*\).*/\1/p'
}

# text PAGE: the rendered page, without backspaces
text()
{
	mandoc -T ascii -O width=120 "$1" | sed 's/.\x08//g'
}

# synopsis: reads a rendered page, prints the C of its SYNOPSIS
synopsis()
{
	awk '/^[A-Z]/ { is_in = /^SYNOPSIS/; next } is_in'
}

# structures: reads a rendered page; prints its structures under other names, and assertions
# that those of the headers have the same members at the same offsets
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

# structures_of HEADER...: the tags of the structures that they define
structures_of()
{
	sed -n 's/^struct \([a-z_]*\) {$/\1/p' "$@" | sort
}

# structures_in_use: the tags of the structures that the libraries' headers define and use.
# Users have no use for a structure that is neither an argument nor part of one.
structures_in_use()
{
	comm -12 <(structures_of "${headers[@]}") \
		<(grep -hvE '^struct [a-z_]+( \{|;)$|^ \*' "${headers[@]}" |
			grep -oE '\bstruct [a-z_]+' | cut -d' ' -f2 | sort -u)
}

# errors: reads the source of a page, prints the errors that it lists
errors()
{
	sed -n 's/^\.It Bq Er \([A-Z0-9]*\).*/\1/p' | sort -u
}

# public_headers: mshare.h, the headers of libarena that pages name, and those that they
# include
public_headers()
{
	sed -n 's/^\.In \(mshare\.h\|arena\/.*\)/#include <\1>/p' user/man/*.3 >"$tmp/all.c"
	cc -MM "${includes[@]}" "$tmp/all.c" | grep -oE '[^ ]+\.h\>' | sort -u
}

# names_documented HEADER...: the calls that kernel-doc describes, without those that take
# the place of the call, as macros call them
names_documented()
{
	sed -n 's,^\(/\*\*\| \*\) \([a-z_]*\)() - .*,\2,p' "$@" | grep -v '_at$' | sort
}

# errors_documented HEADER...: lines "CALL ERROR" from the kernel-doc of calls
errors_documented()
{
	awk '
	/^\/\*\*/ { call = "" }
	match($0, /^(\/\*\*| \*) [a-z_]+\(\) - /) {
		call = substr($0, RSTART, RLENGTH)
		gsub(/[^a-z_]/, "", call)
	}
	call {
		n = split($0, words, /[^-A-Z0-9]+/)
		for (i = 1; i <= n; i++)
			if (words[i] ~ /^-E[A-Z0-9]+$/)
				print call, substr(words[i], 2)
	}
	/\*\/$/ { call = "" }' "$@" | sort -u
}

check_calls()
{
	names_documented "${headers[@]}" >"$tmp/header"
	for p in user/man/*.3; do names "$p"; done | sort >"$tmp/pages"
	same "each call of the libraries has exactly one manual page" "$tmp/pages" "$tmp/header"
	# A call without kernel-doc is missing in the list above.
	cc -E -P "${includes[@]}" "$tmp/all.c" | grep -oE '\b(mshare|arena)[a-z_]*\(' |
		tr -d '(' | grep -v '_at$' | sort -u >"$tmp/declared"
	contains "each call of the libraries is described in its header" \
		"$tmp/header" "$tmp/declared"
	for p in user/man/*.[37]; do text "$p"; done | grep -oE 'ARENA_[A-Z0-9_]+' |
		sort -u >"$tmp/pages"
	sed -n 's/^#define \(ARENA_[A-Z0-9_]*\)\>.*/\1/p; s/^\t\(ARENA_[A-Z0-9_]*\)\( =.*\)*,$/\1/p' \
		"${headers[@]}" | grep -vxE '.*_H|ARENA_(STRINGIFY_*|PLACE|AT|N_.*)' | sort -u >"$tmp/header"
	contains "the manual pages name every constant of libarena's headers" \
		"$tmp/pages" "$tmp/header"
}

check_page_of_calls()
{
	local p=$1

	is "$p has the name of its first call" "$(names "$p" | head -n 1).3" "${p##*/}"
	text "$p" | synopsis >"$tmp/synopsis"
	{
		cat "$tmp/synopsis"
		text "$p" | structures
	} >"$tmp/page.c"
	ok "$p has the prototypes and structures of the header" cc "${flags[@]}" "$tmp/page.c"
	grep -oE '^ *(mshare|arena)[a-z_]*\(' "$tmp/synopsis" | tr -d ' (' | sort >"$tmp/page"
	names "$p" | sort >"$tmp/names"
	same "$p has the same calls in its synopsis as in its title" "$tmp/page" "$tmp/names"
	names "$p" | grep -Fxf - <(cut -d' ' -f1 "$tmp/errors") -q || return 0
	while read -r call error; do
		! grep -qx "$call" "$tmp/names" || echo "$error"
	done <"$tmp/errors" | sort -u >"$tmp/header"
	section "$p" ERRORS | errors >"$tmp/page"
	contains "$p lists the errors that the header names" "$tmp/page" "$tmp/header"
}

# check_example PAGE: the C code under EXAMPLES compiles
check_example()
{
	text "$1" | awk '/^[A-Z]/ { is_in = /^EXAMPLES/; next } is_in && /^ {10}/' >"$tmp/example.c"
	ok "$1 has an example" test -s "$tmp/example.c"
	ok "the example in $1 compiles" cc "${flags[@]}" -Wextra "$tmp/example.c"
}

# errors_of_commands: lines "COMMAND ERROR" from the kernel-doc of the structures
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

# part COMMAND: the part of the page about a command
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
	contains "the device's manual page names every constant of its header" \
		"$tmp/page" "$tmp/header"
	sed -n 's/^ \*   \(E[A-Z0-9]*\)  .*/\1/p' "$uapi" | sort >"$tmp/header"
	sed '/^\.Ss Commands on/,$d' "$page" | errors >"$tmp/page"
	contains "the device's manual page lists the errors that all commands have" \
		"$tmp/page" "$tmp/header"
	errors_of_commands >"$tmp/errors"
	for command in $(cut -d' ' -f1 "$tmp/errors" | uniq); do
		sed -n "s/^$command //p" "$tmp/errors" >"$tmp/header"
		part "$command" | errors >"$tmp/page"
		contains "the device's manual page lists the errors of $command" \
			"$tmp/page" "$tmp/header"
	done
}

check_device_structures()
{
	{
		echo '#include <linux/msharearena.h>'
		text "$page" | structures
	} >"$tmp/page.c"
	ok "the device's manual page has the structures of the header" \
		cc "${flags[@]}" "$tmp/page.c"
	structures_of "$uapi" >"$tmp/header"
	sed -n 's/^struct page_\([a-z_]*\) {$/\1/p' "$tmp/page.c" | sort >"$tmp/page"
	same "the device's manual page has all structures of the header" "$tmp/page" "$tmp/header"
}

check_module()
{
	grep -ohE '\<module_param(_named|_cb)?\([a-z_]+' kmod/*.c | sed 's/.*(//' | sort >"$tmp/module"
	section "$page" PARAMETERS | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	same "the device's manual page has the module's parameters" "$tmp/page" "$tmp/module"
	grep -ohE '^(TRACE_EVENT\(|DEFINE_EVENT\(\w+, )\w+' kmod/trace.h |
		sed 's/.*[( ]//' | sort -u >"$tmp/module"
	section "$page" FILES | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	same "the device's manual page has the module's tracepoints" "$tmp/page" "$tmp/module"
	grep -ohE 'mshare_\w+:' kmod/file.c | tr -d : | sort >"$tmp/module"
	section "$page" FILES | sed -n 's/^\(mshare_\w*\):.*/\1/p' | sort >"$tmp/page"
	same "the device's manual page has the lines of fdinfo" "$tmp/page" "$tmp/module"
}

mapfile -t headers < <(public_headers)
check_calls
errors_documented "${headers[@]}" >"$tmp/errors"
for p in user/man/*.3; do
	check_page_of_calls "$p"
done
structures_in_use >"$tmp/header"
for p in user/man/*.3; do
	text "$p" | structures | sed -n 's/^struct page_\([a-z_]*\) {$/\1/p'
done | sort >"$tmp/pages"
contains "the manual pages have the structures that the libraries' calls use" \
	"$tmp/pages" "$tmp/header"
check_example user/man/libarena.7
check_commands
check_device_structures
check_module
done_testing
