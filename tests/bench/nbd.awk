# SPDX-License-Identifier: GPL-2.0
# Summary of what tests/bench/nbd-measure.sh measured: medians over the rounds, how far
# these went apart, and the bars. With plot=1: what tests/bench/nbd.gnuplot draws. With
# base=SERVER, for the virtual machine: each figure as a multiple of that server's, and no more.
BEGIN { FS = "," }

/^#/ { if (!plot && !known_line[$0]++) print substr($0, 3); next }
$1 == "pass" { for (i = 1; i <= NF; i++) column[$i] = i; next }
{
	server = $column["server"]
	work = $column["pattern"] "/" $column["block"] "/" $column["depth"] "/" $column["connections"]
	if (!(server in cache))
		servers[++n_servers] = server
	cache[server] = $column["cache"]
	if ($1 != "idle" && !(work in known)) {
		known[work] = 1
		works[++n_works] = work
	}
	for (name in column)
		if (column[name] > column["round"] && $column[name] != "")
			add(name, server, work, $column[name])
}

function add(name, server, work, v,    key) {
	key = name SUBSEP server SUBSEP work
	value[key, ++count[key]] = v
}

# Sorts the values under @key into sorted[]; how many.
function sort_values(key,    i, j, v, n) {
	n = count[key]
	for (i = 1; i <= n; i++) {
		v = value[key, i] + 0
		for (j = i - 1; j && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n
}

function median(name, server, work,    n) {
	n = sort_values(name SUBSEP server SUBSEP work)
	return n ? (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2 : 0
}

function spread(name, server, work,    n) {
	n = sort_values(name SUBSEP server SUBSEP work)
	return n ? sprintf("[%.2f - %.2f]", sorted[1], sorted[n]) : ""
}

function has(name, server, work) { return (name SUBSEP server SUBSEP work) in count }

# What was not measured is a dash.
function shown(name, server, work, digits, scale) {
	return has(name, server, work) ? sprintf("%.*f", digits, median(name, server, work) * scale) : "-"
}

function table(work,    i, s) {
	split(work, part, "/")
	printf "\n%s, %s, queue depth %d, %d connection%s\n", part[1], part[2], part[3], part[4], (part[4] > 1 ? "s" : "")
	printf "%-20s %-7s %8s %8s %8s %8s %8s %-19s %8s %9s %9s %8s\n", "", "disk", "IOPS", "p50 us", "p99",
		"p99.9", "CPU us", "[of rounds]", "machine", "calls/IO", "enter/IO", "MiB"
	for (i = 1; i <= n_servers; i++) {
		s = servers[i]
		if (!has("iops", s, work))
			continue
		printf "%-20s %-7s %8s %8s %8s %8s %8s %-19s %8s %9s %9s %8s\n", s, cache[s],
			shown("iops", s, work, 0, 1), shown("p50_us", s, work, 1, 1), shown("p99_us", s, work, 0, 1),
			shown("p999_us", s, work, 0, 1), shown("server_cpu_us", s, work, 2, 1),
			spread("server_cpu_us", s, work), shown("machine_cpu_us", s, work, 2, 1),
			shown("calls_io", s, work, 2, 1), shown("enters_io", s, work, 2, 1),
			shown("memory_kib", s, work, 1, 1 / 1024)
	}
}

function idle_table(    i, s) {
	printf "\nIdle, with one client\n%-20s %15s %10s %8s\n", "", "wake-ups/s", "CPU %", "MiB"
	for (i = 1; i <= n_servers; i++) {
		s = servers[i]
		if (has("wakeups_s", s, "///"))
			printf "%-20s %15s %10s %8s\n", s, shown("wakeups_s", s, "///", 2, 1),
				shown("idle_cpu_percent", s, "///", 4, 1), shown("memory_kib", s, "///", 1, 1 / 1024)
	}
}

# A median as a multiple of that of @base, and the least and the greatest round likewise.
function ratio(name, server, work,    n, one) {
	one = median(name, base, work)
	if (!one || !has(name, server, work))
		return "-"
	n = sort_values(name SUBSEP server SUBSEP work)
	return sprintf("%.2f [%.2f-%.2f]", median(name, server, work) / one, sorted[1] / one, sorted[n] / one)
}

function ratio_table(work,    i, s) {
	printf "\n%-18s %-17s %-17s %-17s %-17s %-17s\n", work, "IOPS", "p50", "p99", "server CPU", "machine CPU"
	for (i = 1; i <= n_servers; i++) {
		s = servers[i]
		printf "%-18s %-17s %-17s %-17s %-17s %-17s\n", s, ratio("iops", s, work), ratio("p50_us", s, work),
			ratio("p99_us", s, work), ratio("server_cpu_us", s, work), ratio("machine_cpu_us", s, work)
	}
}

# The least median of the peers; @direct: of those whose disk I/O is direct. Its name is in
# best_peer.
function best(name, work, direct,    i, s, v, least) {
	best_peer = ""
	for (i = 1; i <= n_servers; i++) {
		s = servers[i]
		if (s ~ /^(arena|floor)/ || (direct && cache[s] != "direct") || !has(name, s, work))
			continue
		v = median(name, s, work)
		if (best_peer == "" || v < least) {
			least = v
			best_peer = s
		}
	}
	return least
}

function bar(text, got, limit) {
	if (!bars++)
		printf "\nBars, from the medians: arena's share of what the other one takes\n"
	printf "%-76s %7.3f  at most %.2f  %s\n", text, got, limit, got <= limit ? "met" : "MISSED"
}

# Against the best peer, and against the floors.
function peer_bar(name, text, work, limit, direct,    b) {
	b = best(name, work, direct)
	if (b && has(name, "arena", work))
		bar(work " " text " : " best_peer, median(name, "arena", work) / b, limit)
}

function floor_bar(floor, work, limit) {
	if (has("server_cpu_us", floor, work) && has("server_cpu_us", "arena", work))
		bar(work " CPU an I/O : " floor, median("server_cpu_us", "arena", work) / median("server_cpu_us", floor, work), limit)
}

function plain_bar(name, text, work, limit) {
	if (has(name, "arena", work))
		bar((work == "///" ? "" : work " ") text, median(name, "arena", work), limit)
}

# Idle, all processes of arenad woke up once a second in all when the bar was set.
function judge(    i, n, side, w) {
	n = split("randread randwrite", side, " ")
	for (i = 1; i <= n; i++) {
		w = side[i] "/4k/"
		peer_bar("server_cpu_us", "CPU an I/O", w "32/1", 0.5, 1)
		floor_bar("floor-one", w "32/1", 2)
		peer_bar("p50_us", "p50", w "1/1", 1, 1)
		peer_bar("server_cpu_us", "CPU an I/O", w "1/1", 1, 1)
		peer_bar("server_cpu_us", "CPU an I/O", w "32/4", 0.45, 1)
		plain_bar("enters_io", "io_uring_enter(2) an I/O, each process", w "32/1", 0.25)
	}
	peer_bar("server_cpu_us", "CPU an I/O", "read/128k/8/1", 0.5, 0)
	peer_bar("server_cpu_us", "CPU an I/O", "write/128k/8/1", 0.5, 0)
	plain_bar("wakeups_s", "idle: wake-ups a second of all processes", "///", 1.1)
	plain_bar("idle_cpu_percent", "idle: percent of a CPU, all processes", "///", 0.5)
}

# Where another server is better than arena by more than the rounds of both went apart.
function lost(name, more, text, work,    i, s, a, b, line) {
	if (!has(name, "arena", work))
		return
	a = median(name, "arena", work)
	for (i = 1; i <= n_servers; i++) {
		s = servers[i]
		if (s ~ /^(arena|floor)/ || !has(name, s, work))
			continue
		b = median(name, s, work)
		if (more ? b > a * 1.05 : b < a * 0.95)
			line = line sprintf("%s%s %.2f", line ? ", " : "", s, b / a)
	}
	if (line)
		printf "%-20s %-7s %s\n", work, text, line
}

function losses(    i) {
	printf "\nWhere others are better by more than 5 %%: their figure as a multiple of arena's\n"
	for (i = 1; i <= n_works; i++) {
		lost("server_cpu_us", 0, "CPU", works[i])
		lost("machine_cpu_us", 0, "machine", works[i])
		lost("iops", 1, "IOPS", works[i])
		lost("p50_us", 0, "p50", works[i])
		lost("p99_us", 0, "p99", works[i])
		lost("p999_us", 0, "p99.9", works[i])
	}
}

# A block for each of four works: servers with CPU of theirs, p50 and thousand I/O a second.
function plot_data(    i, j, n, w) {
	n = split("randread/4k/32/1 randwrite/4k/32/1 read/128k/8/1 write/128k/8/1", w, " ")
	for (i = 1; i <= n; i++) {
		printf "%s\"%s\"\n", (i > 1 ? "\n\n" : ""), w[i]
		for (j = 1; j <= n_servers; j++)
			if (has("iops", servers[j], w[i]))
				printf "\"%s\" %.3f %.3f %.3f\n", servers[j], median("server_cpu_us", servers[j], w[i]),
					median("p50_us", servers[j], w[i]), median("iops", servers[j], w[i]) / 1000
			else
				printf "\"%s\" 0 0 0\n", servers[j]
	}
}

END {
	if (plot) {
		plot_data()
		exit
	}
	for (i = 1; i <= n_works; i++)
		if (base)
			ratio_table(works[i])
		else
			table(works[i])
	if (base)
		exit
	idle_table()
	losses()
	judge()
}
