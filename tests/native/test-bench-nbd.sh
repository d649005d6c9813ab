#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-nbd` works: it measures each server that is installed, and its output is
# complete and plausible. This test asserts no times.
# timeout: 600
# run: long
# sanitizers: no
# shellcheck disable=SC2016 # the programs are awk's
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
[[ $BUILD != *-asan ]] || skip_all "sanitizers would be measured"
requires fio losetup nbdinfo gnuplot certtool
[ -e /dev/loop-control ] || skip_all "needs loop devices"
csv=$tmp/nbd.csv summary=$tmp/summary

ok "nbd-measure.sh measures all servers" eval "env BUILD=$BUILD PAGES=4K DISK_SIZE=64M ROUNDS=1 \
	BENCH_SECONDS=1 IDLE=1 WORK='randread/4k/32/1\$' tests/bench/nbd-measure.sh >$csv"
for word in kernel cpu date disk client options; do
	ok "the CSV says the $word in a comment" grep -q "^# $word: ." "$csv"
done

# rows NAME SERVER PASS CONDITION: the server has one row of that pass, for which awk's condition holds
rows()
{
	awk -F , -v server="$2" -v pass="$3" '$1 == "pass" { for (i = 1; i <= NF; i++) c[$i] = i; columns = NF }
		$2 != server || $1 != pass { next }
		NF == columns && ('"$4"') { good++; next }
		{ print; bad++ }
		END { exit !(good == 1 && !bad) }' "$csv" >"$tmp/rows"
	ok "$1" [ "$?" = 0 ] || sed 's/^/# /' "$tmp/rows"
}

for server in arena floor-one floor-two qemu-nbd qemu-storage-daemon nbdkit nbdkit-none nbd-server; do
	if why=$(grep "^# not measured: $server," "$csv"); then
		skip "$server is measured" "${why#*, because }"
		continue
	fi
	ok "the CSV says how $server was started" \
		grep -qE "^# $server: (direct|cached|evicts): ." "$csv"
	rows "$server has one timed row with rates, and with percentiles in order" "$server" time \
		'$c["ios"] > 100 && $c["iops"] > 100 && $c["p50_us"] > 0 &&
		$c["p50_us"] <= $c["p99_us"] && $c["p99_us"] <= $c["p999_us"]'
	rows "$server uses CPU time, and the machine uses more than the server" "$server" time \
		'$c["server_cpu_us"] > 0 && $c["machine_cpu_us"] > $c["server_cpu_us"]'
	rows "$server has one row that counts its memory and its system calls" "$server" count \
		'$c["memory_kib"] > 1000 && $c["calls_io"] > 0 && $c["enters_io"] <= $c["calls_io"]'
	rows "$server has one row of its wakeups and CPU time while it is idle" "$server" idle \
		'$c["wakeups_s"] >= 0 && $c["idle_cpu_percent"] >= 0 && $c["idle_cpu_percent"] < 100'
done

ok "nbd.awk summarises the CSV" eval "awk -f tests/bench/nbd.awk $csv >$summary"
ok "the summary judges the bars that were measured" eval \
	"[ \$(sed -n '/^Bars/,\$p' $summary | grep -cE '(met|MISSED)\$') -ge 4 ]"
not_ok "the summary has no figure that is not a number" grep -iwE -- '-?(nan|inf)' "$summary"
ok "gnuplot draws the CSV" eval "awk -v plot=1 -f tests/bench/nbd.awk $csv >$tmp/data &&
	gnuplot -e 'data = \"$tmp/data\"; image = \"$tmp/svg\"' tests/bench/nbd.gnuplot &&
	grep -q '</svg>' $tmp/svg"
ok "nbd-measure.sh measures servers without TLS and with it" eval "env BUILD=$BUILD PAGES=4K \
	DISK_SIZE=64M ROUNDS=1 BENCH_SECONDS=1 CALLS=none TLS=1 SERVERS='^arena' \
	WORK='randread/4k/32/1\$' tests/bench/nbd-measure.sh >$csv"
for server in arena arena-tls; do
	rows "$server has one timed row beside the other" "$server" time \
		'$c["ios"] > 100 && $c["server_cpu_us"] > 0'
done
not_ok "nbd-measure.sh refuses to measure nothing" env BUILD="$BUILD" SERVERS=nonsense \
	tests/bench/nbd-measure.sh
done_testing
