#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: no line of a document is longer than 100 columns, links lead to files and headings
# that exist, each function and test that documents name exists, and what they say of an attack or
# a failure names its test.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

mapfile -t documents < <(find . -name '*.md' -not -path './build*' -not -path './.git*' | sort)

# long_lines FILE...: print the places; columns are characters, not bytes
long_lines()
{
	LC_ALL=C.UTF-8 grep -nE '^.{101,}' "$@" | cut -d: -f1,2
}

# anchors DOCUMENT: the anchors that forges make from the headings of a document
anchors()
{
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | tr -cd '[:alnum:]_ \n-' | tr ' ' -
}

# broken_links DOCUMENT...: links out of the tree are not followed
broken_links()
{
	local document target path

	for document; do
		while read -r target; do
			path=${target%%#*}
			path=${path:+$(dirname "$document")/$path}
			path=${path:-$document}
			[ -e "$path" ] && { [[ $target != *'#'* ]] ||
				anchors "$path" | grep -qxF -- "${target#*#}"; } ||
				echo "$document: $target"
		done < <(grep -oE '\]\([^) ]+\)' "$document" | sed 's/^..//; s/)$//' | grep -v ://)
	done
}

# missing_functions FILE: the functions that the file names and no source has. A line that
# begins with a type and has the name and a parenthesis declares or defines a function;
# macros of the libraries' interfaces count as well.
missing_functions()
{
	local name

	for name in $(grep -oE '\b[a-z][a-z0-9_]*\(\)' "$1" | tr -d '()' | sort -u); do
		grep -rqE "^(#define |[a-z].*[ *])?$name\(" user kmod include --include='*.[ch]' ||
			echo "$name"
	done
}

# The folders of tests, as an alternative of a regular expression.
folders=$(find tests -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | paste -sd '|')

# missing_tests DOCUMENT...: what the documents name between backquotes as a file or folder of tests,
# as in `unit/NAME`, `tests/unit/NAME.c` or `native/test-*.sh`, and that does not exist
missing_tests()
{
	local document name

	while IFS=: read -r document name; do
		name=${name//\`/}
		name=tests/${name#tests/}
		compgen -G "$name" >/dev/null || [ -e "$name.sh" ] || [ -e "$name.c" ] ||
			echo "$document: $name"
	done < <(grep -oHE "\`(tests/)?($folders)/[^\` ]*\`" "$@" | sort -u)
}

# untested DOCUMENT: the entries of its lists, which begin in bold, that name no test
untested()
{
	awk 'function end() { if (entry && entry !~ /\*Tests?:\*/) print substr(entry, 1, 80); entry = "" }
	     /^- / { end(); if (/^- \*\*/) entry = $0; next }
	     /^ / && entry { entry = entry $0; next }
	     { end() }
	     END { end() }' "$1"
}

# none NAME COMMAND...: the command prints nothing; each line that it prints is a finding
none()
{
	local name=$1

	shift
	"$@" >"$tmp/findings" 2>&1
	ok "$name" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
}

ok "more than 10 documents are checked" test "${#documents[@]}" -gt 10
none "no line of a document is longer than 100 columns" long_lines "${documents[@]}"
none "each link in a document leads to a file and a heading" broken_links "${documents[@]}"
[ ! -e docs/architecture.md ] ||
	none "each function that architecture.md names exists" \
		missing_functions docs/architecture.md
cat docs/memory-model.md tests/model/* |
	grep -oE '\b(arena|mshare|channel)_[a-z0-9_]*\(\)' >"$tmp/cited"
none "each function of ours that memory-model.md and the models name exists" \
	missing_functions "$tmp/cited"
none "each test that a document names exists" missing_tests "${documents[@]}"
ok "SECURITY.md names tests" grep -qE "($folders)/[a-z]" SECURITY.md
for document in docs/threat-model.md docs/failures.md; do
	none "each entry of $document names its test" untested "$document"
done
operating=docs/operating/README.md
mapfile -t alerts < <(sed -n 's/^ *- alert: //p' user/dist/alerts.yml)
undescribed() { local each; for each; do grep -qx "### $each" "$operating" || echo "$each"; done; }
unknown() { sed -n 's/^### //p' "$operating" | grep -vxF "$(printf '%s\n' "$@")"; }
none "each alert has its section in $operating" undescribed "${alerts[@]:?}"
none "each section is about an alert" unknown "${alerts[@]}"
# The words that follow arenactl in the document.
mapfile -t commands < <(grep -ohE '(`|^ +)arenactl [a-z]+' "$operating" | sed 's/.* //' | sort -u)
missing() { local each; for each; do grep -q "\"$each\"" user/arenactl/options.c || echo "$each"; done; }
none "each command of arenactl in $operating exists" missing "${commands[@]:?}"
done_testing
