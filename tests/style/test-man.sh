#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the manual pages are well-formed, and the page of a program describes exactly the
# options and counters of that program. The pages of calls are in test-man-api.sh.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires mandoc

# section PAGE NAME: the source of a section
section()
{
	awk -v name="$2" '/^\.Sh / { is_in = substr($0, 5) == name; next } is_in' "$1"
}

# options_of_source: reads lines of a page, prints the options in them. The source of --name
# is "Fl Fl name".
options_of_source()
{
	sed 's/\\&//g; s/\<Fl Fl /\n--/g; s/\<Fl /\n-/g' | sed -n 's/^\(--\{0,1\}[A-Za-z?][a-z-]*\).*/\1/p' | sort -u
}

# options_of_help: reads the output of --help, prints the options in it. A line of options
# begins with two blanks, or six without a short form; the explanation follows two blanks.
options_of_help()
{
	sed -n 's/^ \{2,6\}\(-.*\)/\1/p' | sed 's/  .*//' | grep -oE -- '--?[A-Za-z?][a-z-]*' |
		sort -u
}

# same NAME GOT WANT: two sorted lists are equal and not empty
same()
{
	ok "$1" test -s "$3" -a -z "$(comm -3 "$2" "$3")" && return
	comm -23 "$2" "$3" | sed 's/^/# only in the page: /'
	comm -13 "$2" "$3" | sed 's/^/# not in the page: /'
}

# check_counters PAGE ROLE: the strings in a program's counters.c have its counters, and the table of
# those that arenad knows, too
check_counters()
{
	local page=$1 source=user/$2/counters.c

	section "$page" DIAGNOSTICS | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	{
		grep -oE '[" ][a-z_]+=[%0]' "$source" | tr -d '" =%0'
		sed -n "s/.*NAME_OF($2_counters, \([a-z_]*\)).*/\1/p" user/stats/counters.c
	} | sort >"$tmp/source"
	same "${page##*/} describes the counters that the program prints" "$tmp/page" "$tmp/source"
}

check_options()
{
	local page=$1 program=$2

	"$BUILD/$program" --help | options_of_help >"$tmp/help"
	section "$page" OPTIONS | grep '^\.It Fl' | options_of_source >"$tmp/page"
	same "${page##*/} describes the options of --help" "$tmp/page" "$tmp/help"
	# In the synopsis the short form of an option is enough.
	section "$page" SYNOPSIS | options_of_source >"$tmp/synopsis"
	grep -qx -- -v "$tmp/synopsis" && echo --verbose >>"$tmp/synopsis"
	printf '%s\n' '-?' -V >>"$tmp/synopsis"
	sort -o "$tmp/synopsis" "$tmp/synopsis"
	same "${page##*/} has the options of --help in its synopsis" "$tmp/synopsis" "$tmp/help"
}

for page in user/man/*; do
	mandoc -T lint -W warning "$page" >"$tmp/findings" 2>&1
	ok "mandoc finds nothing wrong in $page" \
		test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
done

for main in user/*/main.c; do
	dir=$(basename "$(dirname "$main")")
	case $dir in
	arena*) program=$dir ;;
	*) program=arena-$dir ;;
	esac
	page=user/man/$program.8
	ok "$program has a manual page" test -s "$page" || continue
	if [ -x "$BUILD/$program" ]; then
		check_options "$page" "$program"
	else
		skip "${page##*/} describes the options of --help" "$program is not built"
	fi
	[ ! -e "user/$dir/counters.c" ] || check_counters "$page" "$dir"
done
done_testing
