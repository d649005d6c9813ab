# SPDX-License-Identifier: GPL-2.0
# Reads the measurements of build/tests/bench/pagetables and prints tables, slopes, an estimate
# for a large database, and whether the goals are met. With -v plot=1 it prints the data for
# pagetables.gnuplot.
#
# Every figure is the median over the repetitions; a time is the median over the repetitions of
# the median over the processes.

BEGIN {
	FS = ","
	KIB = 1024; MIB = 1024 * KIB; GIB = 1024 * MIB
}

# ---- reading ----

/^# not measured/ { missing[++n_missing] = substr($0, 3); next }
/^# / { about[++n_about] = substr($0, 3); next }
$1 == "kind" {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}
{
	kind = $1; size = $3; n = $4; method = $5
	if (!(kind in page)) {
		page[kind] = $2
		kinds[++n_kinds] = kind
	}
	id = kind SUBSEP size SUBSEP n SUBSEP method
	if (!(id in rows)) {
		if (!((kind, size, n) in seen)) {
			seen[kind, size, n] = 1
			note_axes()
		}
	}
	rows[id]++
	for (name in column)
		value[id, name, rows[id]] = $column[name]
	# A region's tables may be in meminfo, too; they are counted once.
	own = get("own_bytes"); tables = get("table_bytes")
	own = own > tables ? own : tables
	value[id, "own", rows[id]] = own
	value[id, "total", rows[id]] = own + get("attach_bytes")
	if (get("again_faults") > 0)
		faults_again[kind] = 1
	if (kind == "shmem-2M" && get("huge_bytes") < size)
		not_huge[kind] = 1
	if (kind == "shmem-4K" && get("huge_bytes") > 0)
		not_small[kind] = 1
}

function get(name) { return $column[name] + 0 }

# The first axis is the number of processes, at the size that was measured with most numbers.
function note_axes() {
	if (!(n in n_known)) { n_known[n] = 1; ns[++n_ns] = n }
	if (!(size in size_known)) { size_known[size] = 1; sizes[++n_sizes] = size }
	if (!((size, n) in pairs)) {
		pairs[size, n] = 1
		at_size[size]++; at_n[n]++
	}
}

# ---- figures ----

function sort(a, count,    i, j, v) {
	for (i = 2; i <= count; i++) {
		v = a[i]
		for (j = i - 1; j >= 1 && a[j] > v; j--)
			a[j + 1] = a[j]
		a[j + 1] = v
	}
}

# The percentile p of a column over the repetitions of an id, by nearest rank.
function percentile(id, name, p,    i, count, a) {
	count = rows[id]
	for (i = 1; i <= count; i++)
		a[i] = value[id, name, i] + 0
	sort(a, count)
	if (p == 50)
		return count % 2 ? a[(count + 1) / 2] : (a[count / 2] + a[count / 2 + 1]) / 2
	return p < 50 ? a[1 + int(count * p / 100)] : a[count - int(count * (100 - p) / 100)]
}

function median(id, name) { return percentile(id, name, 50) }

function id_of(kind, size, n, method) {
	return kind SUBSEP size SUBSEP n SUBSEP method
}

# Least squares over xs[1..count], ys[1..count]: slope and intercept.
function fit(count,    i, mx, my, sxx, sxy) {
	for (i = 1; i <= count; i++) { mx += xs[i] / count; my += ys[i] / count }
	for (i = 1; i <= count; i++) {
		sxx += (xs[i] - mx) ^ 2
		sxy += (xs[i] - mx) * (ys[i] - my)
	}
	slope = sxx ? sxy / sxx : 0
	intercept = my - slope * mx
	return count
}

# Fits a column over the number of processes, at the size of the first axis.
function fit_n(kind, name,    i, count, id) {
	for (i = 1; i <= n_ns; i++) {
		id = id_of(kind, the_size, ns[i], "touch")
		if (id in rows) { xs[++count] = ns[i]; ys[count] = median(id, name) }
	}
	return fit(count)
}

# Fits a column over the size in GiB, at the number of processes of the second axis. If there
# are two sizes of whole GiB, only these are used, because only they have page tables of their
# own.
function fit_size(kind, name, divisor,    i, count, whole, id) {
	for (i = 1; i <= n_sizes; i++)
		if (id_of(kind, sizes[i], the_n, "touch") in rows && sizes[i] % GIB == 0)
			whole++
	for (i = 1; i <= n_sizes; i++) {
		id = id_of(kind, sizes[i], the_n, "touch")
		if (!(id in rows) || (whole >= 2 && sizes[i] % GIB))
			continue
		xs[++count] = sizes[i] / GIB; ys[count] = median(id, name) / divisor
	}
	fit_whole = whole >= 2
	return fit(count)
}

# ---- figures as text ----

function bytes(v) {
	if (v < 0) return "-" bytes(-v)
	if (v >= 10 * GIB) return sprintf("%.1f GiB", v / GIB)
	if (v >= 10 * MIB) return sprintf("%.1f MiB", v / MIB)
	if (v >= 10 * KIB) return sprintf("%.0f KiB", v / KIB)
	return sprintf("%.0f B", v)
}

function size_word(v) {
	return v % GIB ? v / MIB "M" : v / GIB "G"
}

function ms(v) {
	v /= 1000000
	return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.3f", v)
}

function factor(v) {
	return v >= 20 ? sprintf("%.0fx", v) : v >= 1 ? sprintf("%.1fx", v) : sprintf("%.2gx", v)
}

function heading(text) { printf "\n%s\n", text; gsub(/./, "-", text); print text }

# ---- tables ----

function print_about(    i) {
	print "Page tables and time of processes that map the same memory"
	print ""
	for (i = 1; i <= n_about; i++)
		print about[i]
	print "sizes: " list_sizes() "; processes: " list_ns()
	print ""
	if (emulated)
		print "Emulated: times compare what runs under the same emulation, and say no more."
	print "The memory is populated before. Each process maps it for itself, one after the other, and"
	print "uses it in one of three ways. touch: mmap, a load from each page; store: mmap, a store to"
	print "each; populate: mmap with MAP_POPULATE, a load from each. All stay until all are measured."
	print "Times in ms: of mmap alone, and until every page is usable without a fault."
	for (i = 1; i <= n_missing; i++)
		print "\n*** " missing[i] " ***"
	if (host_busy > 10) {
		print "\n*** The host was busy with other work: it stretches what takes long, like the faults of"
		print "*** shmem-4K, more than what takes less than a time slice, like the mmap of a region. High"
		print "*** ratios are too high then. Page tables and faults do not depend on it."
	}
}

function list_sizes(    i, s) {
	for (i = 1; i <= n_sizes; i++)
		s = s (i > 1 ? " " : "") size_word(sizes[i])
	return s
}

function list_ns(    i, s) {
	for (i = 1; i <= n_ns; i++)
		s = s (i > 1 ? " " : "") ns[i]
	return s
}

# True if the kernel shares PMD pages of this memory: then the sum of VmPTE exceeds the page
# tables that were added.
function pmd_shared(kind, size, n,    id) {
	id = id_of(kind, size, n, "touch")
	return median(id, "vmpte_bytes") - median(id, "attach_bytes") >= n * 4 * KIB && kind ~ /^hugetlb/
}

function print_shared(kind, size,    id) {
	id = id_of(kind, size, the_n, "touch")
	if (!(id in rows))
		return
	printf "%s, %s: PMD pages %s: a process has %s says VmPTE, the machine %s more; %d faults a process\n",
		kind, size_word(size), pmd_shared(kind, size, the_n) ? "ARE SHARED by the kernel" : "are not shared",
		bytes(median(id, "vmpte_bytes") / the_n), bytes(median(id, "attach_bytes") / the_n),
		median(id, "minflt_p50")
}

function print_checks(    i, k, bad) {
	heading("Is it what it is called?")
	if ("shmem-4K" in page)
		print "shmem-4K: " ("shmem-4K" in not_small ? "NO, some of it is mapped by huge entries" : \
			"no huge entries (ShmemPmdMapped is 0)")
	if ("shmem-2M" in page)
		print "shmem-2M: " ("shmem-2M" in not_huge ? "NO, not all of it is mapped by huge entries: see huge_bytes" : \
			"all of it is mapped by huge entries (ShmemPmdMapped is its size)")
	for (k = 1; k <= n_kinds; k++)
		for (i = 1; i <= n_sizes && kinds[k] ~ /^hugetlb-2M/; i++)
			print_shared(kinds[k], sizes[i])
	for (k = 1; k <= n_kinds; k++)
		if (kinds[k] in faults_again) {
			print kinds[k] ": NOT every page was usable without a fault after the first pass"
			bad = 1
		}
	if (!bad)
		print "all kinds: a second pass, with stores, took no fault"
}

function print_columns() {
	printf "%-14s %5s %5s %-8s %11s %9s %9s %7s %9s %-26s %9s %8s %4s\n", "", "", "pro-", "", "tables",
		"tables/", "VmPTE/", "faults/", "mmap", "until usable", "all of", "munmap", ""
	printf "%-14s %5s %5s %-8s %11s %9s %9s %7s %9s %-26s %9s %8s %4s\n", "kind", "size", "cess.", "how", "in all",
		"process", "process", "process", "median", "median [p10 - p90]", "them", "median", "runs"
}

function print_row(kind, size, n, method,    id) {
	id = id_of(kind, size, n, method)
	if (!(id in rows))
		return
	printf "%-14s %5s %5d %-8s %11s %9s %9s %7d %9s %-26s %9s %8s %4d\n", kind, size_word(size), n, method,
		bytes(median(id, "total")), bytes(median(id, "attach_bytes") / n),
		bytes(median(id, "vmpte_bytes") / n), median(id, "minflt_p50"), ms(median(id, "map_p50")),
		ms(median(id, "all_p50")) " [" ms(percentile(id, "all_p50", 10)) " - " ms(percentile(id, "all_p50", 90)) "]",
		ms(median(id, "all_total")), ms(median(id, "unmap_p50")), rows[id]
}

function print_rows(by_size,    k, i, m) {
	print_columns()
	for (k = 1; k <= n_kinds; k++) {
		for (i = 1; i <= (by_size ? n_sizes : n_ns); i++)
			for (m = 1; m <= n_methods; m++)
				print_row(kinds[k], by_size ? sizes[i] : the_size, by_size ? the_n : ns[i], methods[m])
	}
}

# ---- growth ----

# The slope of the last fit as text; "?" if it had less than two points.
function slope_word(points, exact) {
	return points < 2 ? "?" : bytes(slope) (exact ? "" : "*")
}

function print_slopes(    k, name, by_n, each, once, parts) {
	heading("Growth of the page tables (least squares)")
	printf "%-14s %20s %20s %20s\n", "", "a process more,", "a process and GiB", "a GiB more,"
	printf "%-14s %20s %20s %20s\n", "kind", "of " size_word(the_size), "more, of " the_n, "once"
	for (k = 1; k <= n_kinds; k++) {
		name = kinds[k]
		by_n = slope_word(fit_n(name, "total"), 1)
		each = slope_word(fit_size(name, "attach_bytes", the_n), fit_whole)
		once = slope_word(fit_size(name, "own", 1), fit_whole)
		parts = parts || each once ~ /\*/
		printf "%-14s %20s %20s %20s\n", name, by_n, each, once
	}
	print "Once: the region's own tables, or those of the process that populated the memory."
	if (parts)
		print "*: from sizes that are not all whole GiB, which page tables do not grow evenly with"
}

# Estimates from the slopes the page tables of 1500 processes that map 300 GiB.
function print_database(    k, name, a, b, whole) {
	heading("A database of 300 GiB of shared memory and 1500 clients")
	print "The mshare patches begin with one that has 878 GB of PTEs. Extrapolated from what was"
	print "measured at whole GiB with " the_n " processes, it would have page tables of"
	for (k = 1; k <= n_kinds; k++) {
		name = kinds[k]
		whole = fit_size(name, "attach_bytes", the_n) >= 2 && fit_whole
		a = intercept; b = slope
		fit_size(name, "own", 1)
		if (whole)
			printf "  %-14s %11s  (%s a process, %s beside)\n", name,
				bytes(1500 * (a + 300 * b) + intercept + 300 * slope),
				bytes(a + 300 * b), bytes(intercept + 300 * slope)
		else
			printf "  %-14s           ?  (not measured at two sizes of whole GiB)\n", name
	}
	print "to which each process may add a page or two where the memory crosses a 512 GiB boundary."
}

# ---- goals ----

function verdict(good) { return good ? "met" : "MISSED" }

# Returns the time of the best method of a kind, or 0 if there is none; sets best_method.
function best(kind, size, n,    m, id, v, least) {
	for (m = 1; m <= n_methods; m++) {
		id = id_of(kind, size, n, methods[m])
		if (!(id in rows))
			continue
		v = median(id, "all_p50")
		if (!least || v < least) { least = v; best_method = methods[m] }
	}
	return least
}

# Returns the time of the best memory of this page size that is no region; sets best_kind and
# best_method.
function best_of(pages, size, n,    k, v, least, with) {
	for (k = 1; k <= n_kinds; k++) {
		if (kinds[k] ~ /^region/ || page[kinds[k]] != pages)
			continue
		v = best(kinds[k], size, n)
		if (v && (!least || v < least)) { least = v; best_kind = kinds[k]; with = best_method }
	}
	best_method = with
	return least
}

function region_missing(name) {
	printf "  %-10s NOT MEASURED: see above\n", name
}

function goal_tables(    r, name, i, id, least, most, v) {
	heading("Goal a: a region's tables grow by at most one page of 4 KiB a process")
	for (r = 1; r <= 3; r++) {
		name = regions[r]
		if (!(name in page) || fit_n(name, "total") < 2) { region_missing(name); continue }
		v = slope
		least = most = ""
		for (i = 1; i <= n_ns; i++) {
			id = id_of(name, the_size, ns[i], "touch")
			if (!(id in rows))
				continue
			if (least == "" || median(id, "table_bytes") < least) least = median(id, "table_bytes")
			if (most == "" || median(id, "table_bytes") > most) most = median(id, "table_bytes")
		}
		printf "  %-10s %s: %.1f bytes a process; its own tables are %s bytes with any number of them\n", name,
			verdict(v <= 4096 && least == most), v, least == most ? most : least " to " most
	}
}

# The ratio to the best method of a kind; "-" if that was not measured.
function ratio(kind, size, n, mine,    v) {
	v = best(kind, size, n)
	return v ? factor(v / mine) : "-"
}

# Compares with the best memory of this page size: the ratio, the verdict, and the ratio to the
# region's mmap alone.
function goal_cell(goal, name, size, n, pages, wanted, mine, map,    theirs) {
	theirs = best_of(pages, size, n)
	if (!theirs)
		return sprintf(" | %7s %-6s %9s", "-", "", "")
	count_goal(goal, name, theirs / mine >= wanted)
	if (theirs / mine < wanted)
		note_miss(goal, name, size, n, theirs, wanted)
	return sprintf(" | %7s %-6s %9s", factor(theirs / mine), verdict(theirs / mine >= wanted),
		"(" factor(theirs / map) ")")
}

function goal_row(name, size, n,    id, mine, map) {
	id = id_of(name, size, n, "touch")
	if (!(id in rows))
		return
	mine = median(id, "all_p50")
	map = median(id, "map_p50")
	printf "%-10s %5s %5d %8s %8s | %8s %8s %8s %8s %8s%s%s\n", name, size_word(size), n, ms(map), ms(mine),
		ratio("shmem-4K", size, n, mine), ratio("shmem-2M", size, n, mine),
		ratio("hugetlb-2M", size, n, mine), ratio("hugetlb-2M-off", size, n, mine),
		ratio("hugetlb-1G", size, n, mine),
		goal_cell("b", name, size, n, 2 * MIB, 10, mine, map),
		goal_cell("c", name, size, n, 4 * KIB, 100, mine, map)
}

function count_goal(goal, name, good) {
	tried[goal, name]++
	reached[goal, name] += good
}

# Notes why a goal was missed. Only the first miss of each cause has an explanation.
function note_miss(goal, name, size, n, theirs, wanted,    id, map, touch, cause, where, need) {
	id = id_of(name, size, n, "touch")
	map = median(id, "map_p50"); touch = median(id, "all_p50") - map
	need = theirs / wanted - touch
	cause = pmd_shared(best_kind, size, n) ? "shared" : need <= 0 ? "touch" : "mmap"
	where = size_word(size) " with " n
	if ((goal, name, cause) in miss) {
		miss_where[goal, name, cause] = miss_where[goal, name, cause] ", " where
		return
	}
	misses[++n_misses] = goal SUBSEP name SUBSEP cause
	miss[goal, name, cause] = 1
	miss_where[goal, name, cause] = where
	if (cause == "shared")
		miss_why[goal, name, cause] = "the kernel shares the PMD pages of " best_kind " there: " \
			median(id_of(best_kind, size, n, best_method), "minflt_p50") " faults a process map all of it, in " ms(theirs) " ms"
	else if (cause == "touch")
		miss_why[goal, name, cause] = "one access to each page takes " ms(touch) " ms without any fault, and " \
			best_kind " takes " ms(theirs) " ms with its faults"
	else
		miss_why[goal, name, cause] = "mmap(2) of a region takes " ms(map) " ms whatever its size; " \
			best_kind " takes " ms(theirs) " ms with its faults (" best_method ")"
	miss_cure[goal, name, cause] = need <= 0 ? \
		"larger pages, of which there are fewer to access; a faster mmap(2) would not be enough" : \
		"an mmap(2) that takes at most " ms(need) " ms there, not " ms(map)
}

function print_misses(goal,    i, part) {
	for (i = 1; i <= n_misses; i++) {
		split(misses[i], part, SUBSEP)
		if (part[1] != goal)
			continue
		print "    " part[2] ", " miss_where[part[1], part[2], part[3]] ":"
		print "      why (of the first): " miss_why[part[1], part[2], part[3]]
		print "      what would change it: " miss_cure[part[1], part[2], part[3]]
	}
}

function goal_verdicts(goal, text,    r, name) {
	print ""
	print "Goal " goal ": " text
	for (r = 1; r <= 3; r++) {
		name = regions[r]
		if (!((goal, name) in tried)) { region_missing(name); continue }
		printf "  %-10s %s: reached in %d of %d\n", name,
			verdict(reached[goal, name] == tried[goal, name]), reached[goal, name], tried[goal, name]
	}
	print_misses(goal)
}

function goal_times(    r, s, i) {
	heading("How many times faster a region is attached than populated memory is mapped")
	print "Until every page is usable without a fault: for regions mmap and touch; for the others the"
	print "fastest of touch, store and populate. The ratios in brackets take a region's mmap alone,"
	print "after which it has no faults; the goals do not use them."
	print ""
	printf "%-10s %5s %5s %17s | %-44s | %-24s | %s\n", "", "", "", "region, ms", "times faster than", "goal b: 10x 2 MiB",
		"goal c: 100x 4 KiB"
	printf "%-10s %5s %5s %8s %8s | %8s %8s %8s %8s %8s | %7s %-6s %9s | %7s %-6s %9s\n", "", "", "pro-", "",
		"with", "shmem", "shmem", "hugetlb", "2M, off", "hugetlb", "", "", "(mmap", "", "", "(mmap"
	printf "%-10s %5s %5s %8s %8s | %8s %8s %8s %8s %8s | %7s %-6s %9s | %7s %-6s %9s\n", "kind", "size", "cess.", "mmap",
		"touch", "4K", "2M", "2M", "boundary", "1G", "best", "", "alone)", "best", "", "alone)"
	for (r = 1; r <= 3; r++) {
		for (s = 1; s <= n_sizes; s++)
			for (i = 1; i <= n_ns; i++)
				goal_row(regions[r], sizes[s], ns[i])
	}
	goal_verdicts("b", "10 times faster than the best populated memory of 2 MiB pages")
	goal_verdicts("c", "100 times faster than populated memory of 4 KiB pages")
}

# ---- for gnuplot: a block a kind and axis ----

function plot_block(kind, by_size,    i, size, n, id) {
	printf "\"%s\"\n", kind
	for (i = 1; i <= (by_size ? n_sizes : n_ns); i++) {
		size = by_size ? sizes[i] : the_size
		n = by_size ? the_n : ns[i]
		id = id_of(kind, size, n, "touch")
		if (id in rows)
			print by_size ? size / MIB : n, median(id, "total"), best(kind, size, n) / 1000000,
				percentile(id_of(kind, size, n, best_method), "all_p50", 10) / 1000000,
				percentile(id_of(kind, size, n, best_method), "all_p50", 90) / 1000000
	}
	print "\n"
}

function print_plot(    k, i, machine, run) {
	for (i = 1; i <= n_about; i++) {
		if (about[i] ~ /^(kernel|cpu|emulation)/)
			machine = machine (machine ? "; " : "") about[i]
		else if (about[i] ~ /^(date|host: [0-9])/)
			run = run (run ? "; " : "") about[i]
	}
	print "# " machine
	print "# " run "; sizes: " list_sizes() "; processes: " list_ns()
	print "# " n_kinds
	print "# " size_word(the_size)
	print "# " the_n
	for (k = 1; k <= n_kinds; k++)
		plot_block(kinds[k], 0)
	for (k = 1; k <= n_kinds; k++)
		plot_block(kinds[k], 1)
}

END {
	n_methods = split("touch store populate", methods, " ")
	split("region-1G region-2M region-4K", regions, " ")
	sort(sizes, n_sizes)
	sort(ns, n_ns)
	for (i = 1; i <= n_about; i++)
		if (about[i] ~ /^emulation: .*TCG/)
			emulated = 1
	for (i = 1; i <= n_about; i++)
		if (about[i] ~ /^host: the machine waited/) {
			host_busy = about[i]
			gsub(/[^0-9]/, "", host_busy)
			host_busy += 0
		}
	for (i = 1; i <= n_sizes; i++)
		if (at_size[sizes[i]] > at_size[the_size])
			the_size = sizes[i]
	for (i = 1; i <= n_ns; i++)
		if (at_n[ns[i]] > at_n[the_n])
			the_n = ns[i]
	if (plot) {
		print_plot()
		exit
	}
	print_about()
	print_checks()
	heading("Memory of " size_word(the_size) ", by the number of processes")
	print_rows(0)
	heading("With " the_n " processes, by the size of the memory")
	print_rows(1)
	print_slopes()
	print_database()
	goal_tables()
	goal_times()
}
