#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-scale` and `make profile-nbd` work: they measure the given values, and their
# output is complete. This test asserts no times.
# timeout: 600
# run: long
# sanitizers: no
# shellcheck disable=SC2016 # the programs are awk's
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
[[ $BUILD != *-asan ]] || skip_all "sanitizers would be measured"
requires fio losetup nbdinfo
[ -e /dev/loop-control ] || skip_all "needs loop devices"
csv=$tmp/scale.csv profile=$tmp/profile

ok "nbd-scale.sh measures each dimension" eval "env BUILD=$BUILD PAGES=4K DISK_SIZE=32M ROUNDS=1 \
	BENCH_SECONDS=1 CONNECTIONS='1 40' EXPORTS='1 3' NPS='1 2' PAIRS=2 \
	REGIONS=128M BUFFERS=256 CPUS=1 \
	tests/bench/nbd-scale.sh >$csv"
is "the CSV has each value of each dimension once" \
	"$(sed -n 's/^\([a-z]*,[0-9][0-9a-zM-]*\),1,.*/\1/p' "$csv" | tr '\n' ' ')" \
	"connections,1 connections,40 idle,1 idle,40 exports,1 exports,3 nps,1 nps,2 pairs,2 region,128M buffers,256 cpus,1-none cpus,1-auto alone,1-none alone,1-auto "
ok "each row has I/O, CPU time and memory" awk -F , '/^#/ || $1 == "dimension" { next }
	NF != 9 || $8 <= 0 || $9 <= 0 || $4 < 100 || $5 < 100 || $6 <= 0 || $7 < 10000 { print; bad = 1 } END { exit bad }' "$csv"
ok "nbd-scale.awk summarises the CSV" eval "awk -f tests/bench/nbd-scale.awk $csv >$tmp/summary"
not_ok "the summary has no figure that is not a number" grep -iwE -- '-?(nan|inf)' "$tmp/summary"

if command -v valgrind >/dev/null; then
	ok "nbd-profile.sh profiles a read" \
		eval "env BUILD=$BUILD PAGES=4K DISK_SIZE=32M REQUESTS=512 TOP=3 \
		WORK=randread/4k/32/1 tests/bench/nbd-profile.sh >$profile"
	ok "NP and SP take hundreds to thousands of instructions a request" awk '
		/instructions a request: NP [0-9]+, SP [0-9]+;/ {
			np = $6 + 0; sp = $8 + 0
			good = np > 100 && np < 100000 && sp > 100 && sp < 100000
		} END { exit !good }' "$profile"
	is "three functions of NP and of SP are listed" \
		"$(grep -cE '^    +[0-9.]+  [^ ]+$' "$profile")" 6
else
	skip "nbd-profile.sh profiles a read" "needs valgrind"
fi
done_testing
