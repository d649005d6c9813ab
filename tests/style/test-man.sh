#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The manual pages are well-formed, and each of a program describes just the
# options and the counters that it has. Those of calls: test-man-api.sh.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires mandoc

# section PAGE NAME: the source of a section
section()
{
	awk -v name="$2" '/^\.Sh / { is_in = substr($0, 5) == name; next } is_in' "$1"
}

# Lines of a page in, the options in them out; --name is written "Fl Fl name".
options_of_source()
{
	sed 's/\\&//g; s/\<Fl Fl /\n--/g; s/\<Fl /\n-/g' | sed -n 's/^\(--\{0,1\}[A-Za-z?][a-z-]*\).*/\1/p' | sort -u
}

# Lines of options begin with two blanks, or with six where there is no short form, and
# end where the explanation begins.
options_of_help()
{
	sed -n 's/^ \{2,6\}\(-.*\)/\1/p' | sed 's/  .*//' | grep -oE -- '--?[A-Za-z?][a-z-]*' |
		sort -u
}

# same NAME GOT WANT: two sorted lists, of which there is something
same()
{
	ok "$1" test -s "$3" -a -z "$(comm -3 "$2" "$3")" && return
	comm -23 "$2" "$3" | sed 's/^/# only in the page: /'
	comm -13 "$2" "$3" | sed 's/^/# not in the page: /'
}

# The counters that a program prints are in the strings of its counters.c.
check_counters()
{
	local page=$1 source=$2

	section "$page" DIAGNOSTICS | sed -n 's/^\.It Va //p' | sort >"$tmp/page"
	grep -oE '[" ][a-z_]+=[%0]' "$source" | tr -d '" =%0' | sort >"$tmp/source"
	same "${page##*/}: counters" "$tmp/page" "$tmp/source"
}

check_options()
{
	local page=$1 program=$2

	"$BUILD/$program" --help | options_of_help >"$tmp/help"
	section "$page" OPTIONS | grep '^\.It Fl' | options_of_source >"$tmp/page"
	same "${page##*/}: options" "$tmp/page" "$tmp/help"
	# Short for long is enough there.
	section "$page" SYNOPSIS | options_of_source >"$tmp/synopsis"
	grep -qx -- -v "$tmp/synopsis" && echo --verbose >>"$tmp/synopsis"
	printf '%s\n' '-?' -V >>"$tmp/synopsis"
	sort -o "$tmp/synopsis" "$tmp/synopsis"
	same "${page##*/}: synopsis" "$tmp/synopsis" "$tmp/help"
}

for page in user/man/*; do
	mandoc -T lint -W warning "$page" >"$tmp/findings" 2>&1
	ok "$page: no findings" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
done

for main in user/*/main.c; do
	dir=$(basename "$(dirname "$main")")
	source=user/$dir/counters.c
	case $dir in
	arena*) program=$dir ;;
	*) program=arena-$dir ;;
	esac
	page=user/man/$program.8
	ok "$program has a page" test -s "$page" || continue
	if [ -x "$BUILD/$program" ]; then
		check_options "$page" "$program"
	else
		skip "${page##*/}: options" "$program is not built"
	fi
	[ ! -e "$source" ] || check_counters "$page" "$source"
done
done_testing
