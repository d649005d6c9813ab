#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the functions that read bytes of a peer, or of the process that made a region, on
# inputs that libFuzzer generates. They must access no memory outside, have no undefined
# behaviour, and accept only what is sound; the head of each fuzzer says what that means.
# A fuzzer begins with the inputs in seeds/.
#
# By default a run is short and uses the same inputs each time. PARSER_SECONDS=N lets each
# fuzzer run for N seconds with new inputs. The corpus that it collects stays in
# build-parsers/learned, and an input that fails stays in build-parsers. A comment "runs: N" in the
# source of a fuzzer that is slow replaces the number of inputs.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

programs=build-parsers/tests/parsers
how=(-seed=1)
learned=
if [ -n "${PARSER_SECONDS:-}" ]; then
	how=(-runs=-1 -max_total_time="$PARSER_SECONDS")
	learned=build-parsers/learned
fi

# plant FILE DIR: writes the bytes of each line into a file of DIR
plant()
{
	mkdir -p "$2"
	perl -ne 'BEGIN { $dir = pop } s/#.*|\s//g; next unless /./;
		open(my $to, ">", "$dir/$.") or die; print $to pack("H*", $_)' "$1" "$2"
}

for source in tests/parsers/*.c; do
	name=$(basename "$source" .c)
	[ -x "$programs/$name" ] || { ok "the fuzzer $name is built" false; continue; }
	runs=$(sed -n 's/^ \* runs: //p' "$source")
	plant "tests/parsers/seeds/$name" "$tmp/$name"
	mkdir -p "${learned:-$tmp/learned}/$name"
	ok "the fuzzer $name finds no input that breaks its properties" \
		"$programs/$name" -runs="${runs:-10000}" "${how[@]}" -max_len=1024 \
		-artifact_prefix=build-parsers/ -print_final_stats=1 \
		"${learned:-$tmp/learned}/$name" "$tmp/$name"
	diag "$(sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 inputs/p
		s/.*INFO: seed corpus: files: \([0-9]*\).*/\1 to begin with/p' "$tmp/.output" | xargs)"
done
done_testing
