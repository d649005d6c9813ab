#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the manual pages are well-formed, and the page of a program describes exactly the
# options and counters of that program, and its commands, environment and files; each unit has a
# page, and each page of ours that another one names exists. The pages of calls are in
# test-man-api.sh.
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

# names PAGE: what the page is a page of
names()
{
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$1"
}

# missing_sections PAGE SECTION...: those that the page does not have
missing_sections()
{
	local page=$1 name

	shift
	for name; do
		grep -qx "\.Sh $name" "$page" || echo "$name"
	done
}

# missing_pages: what our pages refer to as one of ours, and that is a page of nothing
missing_pages()
{
	local page

	for page in user/man/*; do
		names "$page" | sed "s/\$/ ${page##*.}/"
	done | sort -u >"$tmp/pages"
	sed -n 's/^\.Xr \(\(lib\)\?\(arena\|mshare\)[^ ]* [1-9]\).*/\1/p' user/man/* | sort -u |
		comm -23 - "$tmp/pages"
}

# missing_units: units that are in the tree and have no page
missing_units()
{
	names user/man/arenad.service.8 | sort >"$tmp/pages"
	{
		find user/dist -name '*.service.in' -o -name '*.socket' | sed 's,.*/,,; s/\.in$//'
		echo arenad@.service
	} | sort | comm -3 - "$tmp/pages"
}

# missing_variables PAGE FOLDER...: what the sources there read of their environment, and the page
# does not describe
missing_variables()
{
	local page=$1 name

	shift
	grep -rhoE 'getenv\("[A-Z_]+"' "$@" | cut -d '"' -f 2 | sort -u | while read -r name; do
		section "$page" ENVIRONMENT | grep -qE "^\.It Ev .*\<$name\>" || echo "$name"
	done
}

# none NAME COMMAND...: the command prints nothing; each line that it prints is a finding
none()
{
	local name=$1

	shift
	"$@" >"$tmp/findings" 2>&1
	ok "$name" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
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
	none "${page##*/} has all sections that a page of a program has" missing_sections "$page" \
		SYNOPSIS DESCRIPTION OPTIONS ENVIRONMENT FILES "EXIT STATUS" EXAMPLES "SEE ALSO"
	none "${page##*/} describes what the program's own sources read of its environment" \
		missing_variables "$page" "user/$dir"
	if [ -x "$BUILD/$program" ]; then
		check_options "$page" "$program"
	else
		skip "${page##*/} describes the options of --help" "$program is not built"
	fi
	[ ! -e "user/$dir/counters.c" ] || check_counters "$page" "$dir"
	# A program that is a daemon says what signals do.
	[ "$program" = arenactl ] ||
		none "${page##*/} describes signals" missing_sections "$page" SIGNALS
done
none "each unit has a manual page, and each name there is that of a unit" missing_units
none "each page of ours that a page names exists" missing_pages
if [ -x "$BUILD/arenactl" ]; then
	"$BUILD/arenactl" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | sort >"$tmp/help"
	section user/man/arenactl.8 DESCRIPTION | sed -n 's/^\.It Cm //p' | sort >"$tmp/page"
	same "arenactl.8 describes the commands of --help" "$tmp/page" "$tmp/help"
fi
done_testing
