# SPDX-License-Identifier: GPL-2.0
# Summary of what tests/bench/ring measured: medians over the repetitions, how far these went
# apart, and what was counted.

BEGIN { FS = "," }
/^#/ { print substr($0, 3); next }
{
	if (!($1 in known)) {
		known[$1] = 1
		kinds[++n_kinds] = $1
	}
}
$3 == "instructions" || $3 == "enters" { counted[$1, $2, $3] = $4 / ($5 * $6); next }
{ ns[$1, $2, ++count[$1, $2]] = $4 }

# Sorts what was measured of a kind and a side into sorted[]; how many.
function sort_values(kind, side,    i, j, v, n) {
	n = count[kind, side]
	for (i = 1; i <= n; i++) {
		v = ns[kind, side, i] + 0
		for (j = i - 1; j && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n
}

function median(kind, side,    n) {
	n = sort_values(kind, side)
	return n ? (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2 : 0
}

function spread(kind, side,    n) {
	n = sort_values(kind, side)
	return n ? sprintf("[%.0f - %.0f]", sorted[1], sorted[n]) : ""
}

function both(kind, what, format) {
	return sprintf(format "/" format, counted[kind, "arena", what], counted[kind, "bare", what])
}

END {
	printf "\n%-31s %7s %-14s %7s %-14s %6s %11s %11s\n", "ns for one", "arena", "", "bare", "",
		"adds", "instr.", "enters"
	for (i = 1; i <= n_kinds; i++) {
		kind = kinds[i]
		printf "%-31s %7.1f %-14s %7.1f %-14s %6.1f %11s %11s\n", kind,
			median(kind, "arena"), spread(kind, "arena"), median(kind, "bare"),
			spread(kind, "bare"), median(kind, "arena") - median(kind, "bare"),
			both(kind, "instructions", "%.0f"), both(kind, "enters", "%.2f")
	}
	print "\ninstr.: instructions of the process for one, arena/bare."
	print "enters: io_uring_enter(2) calls of a turn, arena/bare."
}
