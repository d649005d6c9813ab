# SPDX-License-Identifier: GPL-2.0
# Summary of what tests/bench/nbd-scale.sh measured: medians over the rounds, and how far they
# went apart.
BEGIN { FS = "," }

/^#/ { print substr($0, 3); next }
$1 == "dimension" { next }
{
	key = $1 SUBSEP $2
	if (!(key in rounds))
		keys[++n] = key
	i = ++rounds[key]
	iops[key, i] = $5
	cpu[key, i] = $6
	memory[key, i] = $7
	np[key, i] = $8
	sp[key, i] = $9
}

function sort_values(from, key,    i, j, v) {
	for (i = 1; i <= rounds[key]; i++) {
		v = from[key, i] + 0
		for (j = i - 1; j && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return rounds[key]
}

function median(from, key,    m) {
	m = sort_values(from, key)
	return (sorted[int((m + 1) / 2)] + sorted[int(m / 2) + 1]) / 2
}

END {
	for (k = 1; k <= n; k++) {
		split(keys[k], part, SUBSEP)
		if (part[1] != last) {
			printf "\n%-12s %10s %14s %-17s %7s %7s %11s %17s\n", part[1], "IOPS",
				"CPU us an I/O", "[of rounds]", "NPs", "SPs", "memory KiB",
				"KiB for one more"
			last = part[1]
			first = memory_of = 0
		}
		m = median(memory, keys[k])
		c = median(cpu, keys[k])
		range = sprintf("[%.2f - %.2f]", sorted[1], sorted[rounds[keys[k]]])
		more = (first && part[2] + 0 > first && part[1] != "region") ? sprintf("%.2f", (m - memory_of) / (part[2] - first)) : "-"
		printf "%-12s %10.0f %14.2f %-17s %7.2f %7.2f %11.0f %17s\n", part[2],
			median(iops, keys[k]), c, range, median(np, keys[k]), median(sp, keys[k]), m, more
		if (!first) {
			first = part[2] + 0
			memory_of = m
		}
	}
}
