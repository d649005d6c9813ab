#!/bin/bash
# SPDX-License-Identifier: MIT
# What reads bytes of a peer, or of whoever made a region, on inputs that libFuzzer
# makes up: no access outside, nothing undefined, and nothing accepted that is not
# sound. Each fuzzer says what that is; it begins with the inputs in seeds/.
#
# By itself a run is short and draws the same inputs each time. PARSER_SECONDS=N
# lets each fuzzer run that long and draw what it likes; what it learns stays in
# build-parsers/learned, and an input that breaks something in build-parsers.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

programs=build-parsers/tests/parsers
how=(-runs=40000 -seed=1)
learned=
if [ -n "${PARSER_SECONDS:-}" ]; then
	how=(-max_total_time="$PARSER_SECONDS")
	learned=build-parsers/learned
fi

# plant FILE DIR: each line's bytes become a file
plant()
{
	mkdir -p "$2"
	perl -ne 'BEGIN { $dir = pop } s/#.*|\s//g; next unless /./;
		open(my $to, ">", "$dir/$.") or die; print $to pack("H*", $_)' "$1" "$2"
}

for source in tests/parsers/*.c; do
	name=$(basename "$source" .c)
	[ -x "$programs/$name" ] || { ok "$name was built" false; continue; }
	plant "tests/parsers/seeds/$name" "$tmp/$name"
	mkdir -p "${learned:-$tmp/learned}/$name"
	ok "$name: sound, whatever it reads" "$programs/$name" "${how[@]}" -max_len=1024 \
		-artifact_prefix=build-parsers/ -print_final_stats=1 \
		"${learned:-$tmp/learned}/$name" "$tmp/$name"
	diag "$(sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 inputs/p
		s/.*INFO: seed corpus: files: \([0-9]*\).*/\1 to begin with/p' "$tmp/.output" | xargs)"
done
done_testing
