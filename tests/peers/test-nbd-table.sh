#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad does with each option, command and flag what docs/nbd.md says in its column of the
# tables. Other servers are only tried when the tables are made.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3 losetup

ok "nbd-table tries all options, commands and flags on arenad" eval \
	"tests/peers/nbd-table arenad >'$tmp/now'"
# facts FILE: print each fact and the first column, without the heads of the tables
facts()
{
	sed -n '/Made by/d; s/^| \([^|]*[^ |]\) | \([^|]*[^ |]\) |.*/\1: \2/p' "$1"
}
sed -n '/Made by/,$p' docs/nbd.md >"$tmp/documented"
ok "the tables have facts" test "$(facts "$tmp/now" | wc -l)" -gt 90
# Facts that are rows for each style in the document may be one row here, as all styles agree.
documented()
{
	facts "$tmp/documented" | grep -qxF -- "$1: $2" && return
	for style in simple structured extended; do
		facts "$tmp/documented" | grep -qxF -- "$1, $style: $2" || return 1
	done
}
while IFS= read -r line; do
	fact=${line%: *} result=${line##*: }
	ok "arenad's result for '$fact' is '$result', as docs/nbd.md says" documented "$fact" "$result"
done < <(facts "$tmp/now")
done_testing
