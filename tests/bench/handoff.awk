# SPDX-License-Identifier: GPL-2.0
# Prints tables of what tests/bench/handoff measured: medians over the repetitions, and their
# range. With plot=1 it prints the data for tests/bench/handoff.gnuplot.

/^#/ { if (!plot) print substr($0, 3); next }
/^kind,/ { next }
{
	# A name is quoted, because it may contain commas.
	match($0, /^"[^"]*"/)
	name = substr($0, 2, RLENGTH - 2)
	split(substr($0, RLENGTH + 2), f, ",")
	if (!(name in known)) {
		known[name] = 1
		kinds[++n_kinds] = name
	}
	key = name SUBSEP f[1] SUBSEP f[2] SUBSEP f[3]
	i = ++count[key]
	p50[key, i] = f[6]
	p99[key, i] = f[7]
	p999[key, i] = f[8]
	rate[key, i] = f[9]
}

# Sorts the values of @from under @key into sorted[]; returns their number.
function sort_values(from, key,    i, j, v, n) {
	n = count[key]
	for (i = 1; i <= n; i++) {
		v = from[key, i] + 0
		for (j = i - 1; j && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n
}

function median(from, key,    n) {
	n = sort_values(from, key)
	return n ? (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2 : 0
}

function spread(from, key, unit,    n) {
	n = sort_values(from, key)
	return n ? sprintf("[%.*f - %.*f]", unit == 1000 ? 2 : 3, sorted[1] / unit,
			   unit == 1000 ? 2 : 3, sorted[n] / unit) : ""
}

function times(title, test, load, touched,    k, key) {
	printf "\n%s\n", title
	printf "%-30s %9s %-20s %9s %9s\n", "us", "p50", "[of repetitions]", "p99", "p99.9"
	for (k = 1; k <= n_kinds; k++) {
		key = kinds[k] SUBSEP touched SUBSEP test SUBSEP load
		if (key in count)
			printf "%-30s %9.2f %-20s %9.2f %9.2f\n", kinds[k], median(p50, key) / 1000,
				spread(p50, key, 1000), median(p99, key) / 1000, median(p999, key) / 1000
	}
}

function rates(title, touched,    k, key) {
	printf "\n%s\n", title
	printf "%-30s %9s %-20s\n", "millions a second", "median", "[of repetitions]"
	for (k = 1; k <= n_kinds; k++) {
		key = kinds[k] SUBSEP touched SUBSEP "flood" SUBSEP 100
		if (key in count)
			printf "%-30s %9.3f %-20s\n", kinds[k], median(rate, key) / 1e6, spread(rate, key, 1e6)
	}
}

function round_of(name) { return median(p50, name SUBSEP 0 SUBSEP "round" SUBSEP 0) }
function flood_of(name) { return median(rate, name SUBSEP 0 SUBSEP "flood" SUBSEP 100) }
function goal(text, ratio, met) { printf "%-76s %8.2f  %s\n", text, ratio, met ? "met" : "MISSED" }

function goals(    best, name, i, n, sleeping, r) {
	n = split("eventfd|futex|UNIX socket|pipe|POSIX mq", sleeping, "|")
	for (i = 1; i <= n; i++)
		if (round_of(sleeping[i]) && (!best || round_of(sleeping[i]) < best)) {
			best = round_of(sleeping[i])
			name = sleeping[i]
		}
	printf "\nGoals\n"
	if (best && round_of("msg_ring, polling")) {
		r = round_of("msg_ring, polling") / best
		goal("round trip, msg_ring polling : best that sleeps (" name "), at most 0.25", r, r <= 0.25)
	}
	if (round_of("bare ring") && round_of("hybrid, polling")) {
		r = round_of("hybrid, polling") / round_of("bare ring")
		goal("round trip, hybrid polling : bare ring, at most 1.5", r, r <= 1.5)
		r = round_of("hybrid, adaptive") / round_of("bare ring")
		goal("round trip, hybrid adaptive : bare ring, at most 1.5", r, r <= 1.5)
	}
	if (flood_of("msg_ring, polling")) {
		r = flood_of("hybrid, polling") / flood_of("msg_ring, polling")
		goal("flood, hybrid polling : msg_ring with one message a submit, at least 10", r, r >= 10)
		r = flood_of("hybrid, adaptive") / flood_of("msg_ring, polling")
		goal("flood, hybrid adaptive : msg_ring with one message a submit, at least 10", r, r >= 10)
	}
	print "no message lost, doubled or changed: each was checked                                   met"
}

function plot_data(    k, key) {
	for (k = 1; k <= n_kinds; k++) {
		key = kinds[k] SUBSEP 0 SUBSEP "round" SUBSEP 0
		printf "\"%s\" %.3f %.3f %.3f %.6f\n", kinds[k], median(p50, key) / 1000,
			median(p99, key) / 1000, median(p999, key) / 1000, flood_of(kinds[k]) / 1e6
	}
}

END {
	if (plot) {
		plot_data()
		exit
	}
	times("Round trip, nothing else to do", "round", 0, 0)
	times("Round trip, 4096 bytes written and read each way", "round", 0, 1)
	rates("Flood: as many as go through", 0)
	rates("Flood, 4096 bytes written and read", 1)
	times("One way, at 1 % of what flood got through", "load", 1, 0)
	times("One way, at 50 %", "load", 50, 0)
	times("One way, at 1 %, 4096 bytes", "load", 1, 1)
	times("One way, at 50 %, 4096 bytes", "load", 50, 1)
	goals()
}
