#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs test programs one after the other and writes the report of each to RESULTS/NAME.tap.
# tests/run.sh calls it in the build root or in the guest.
#
# Usage: tests/harness.sh [--module] RESULTS TEST...
#
# A test prints TAP or just exits: 0 is a success, 77 a skip whose reason is the last line,
# anything else a failure. These findings are added to its report as failed checks: missing
# results, processes that it left running, and with --module (in the guest) bad messages of
# the kernel since it began, regions that still have their names, huge pages that were not
# freed and remaining uses of the module. They are removed as far as possible, so that only
# the test that left them fails. A comment "timeout: SECONDS" in the source of a test
# replaces the limit of 240 seconds. On a kernel that checks itself (VM_SLOW) all limits are
# four times as long.
#
# UNDER="PROGRAM OPTION..." runs each test under that program, with four times the
# limit, but skips tests with a comment "PROGRAM: no, REASON".
set -euo pipefail

limit=240
module=
if [ "${1:-}" = --module ]; then
	module=1
	shift
fi
[ $# -ge 1 ] || { echo "usage: $0 [--module] RESULTS TEST..." >&2; exit 2; }
results=$1
shift
patterns=$(dirname "$0")/vm
read -ra under <<<"${UNDER:-}"
raw=$(mktemp)
began=0
# Leaks that were already reported and cannot be undone.
lost=
trap 'rm -f "$raw"' EXIT

# problem TEXT: add a finding to the report of the running test
problem()
{
	problems+=("$1")
}

# source_of PROGRAM: its source, which may have a comment "timeout:"
source_of()
{
	case $1 in
	build*/tests/*) echo "tests/${1#*/tests/}.c" ;;
	*) echo "$1" ;;
	esac
}

# name_of PROGRAM: the name of a test, such as unit/test-layout or system/test-demo
name_of()
{
	local name=${1#*tests/}

	echo "${name%.sh}"
}

# kernel_log_problems NAME: bad messages since the line by which run_test() marked its begin
kernel_log_problems()
{
	local since bad

	since=$(dmesg --notime | awk -v mark="harness: $1 begins" '
		$0 == mark { text = ""; next }
		{ text = text $0 "\n" }
		END { printf "%s", text }') ||
		{ problem "the kernel's log cannot be read"; return; }
	bad=$(grep -aE -f <(sed -E '/^(#|$)/d' "$patterns/dmesg-bad") <<<"$since" |
		grep -avE -f <(sed -E '/^(#|$)/d' "$patterns/dmesg-allow"; echo '^$')) || true
	[ -z "$bad" ] || problem "the kernel's log has: $(head -n 1 <<<"$bad")"
}

# The kernel frees rings and mappings some time after the end of a process, so that pages
# that are missing at first may come back in a moment.
huge_pages_missing()
{
	local dir free total

	for dir in /sys/kernel/mm/hugepages/*; do
		free=$(<"$dir/free_hugepages")
		total=$(<"$dir/nr_hugepages")
		[ "$free" = "$total" ] || echo "${dir##*/}: $((total - free)) pages"
	done
}

module_uses()
{
	local uses

	uses=$(awk '$1 == "msharearena" { print $3 }' /proc/modules)
	[ "${uses:-0}" = 0 ] || echo "the module has $uses users"
}

# Leaks that remain after three seconds, except those in $lost.
leaks()
{
	local left

	for _ in {1..30}; do
		left=$(huge_pages_missing; module_uses)
		[ -n "$left" ] && [ "$left" != "$lost" ] || return 0
		sleep 0.1
	done
	grep -vxF -- "${lost:-$'\n'}" <<<"$left" || true
}

# Processes that have a view open or attached, each with its arguments.
holders()
{
	local pid

	for pid in /proc/[0-9]*; do
		grep -qsE ' /dev/mshare/|anon_inode:\[mshare\]' "$pid/maps" ||
			grep -qs '^mshare_region:' "$pid"/fdinfo/* ||
			continue
		echo "${pid#/proc/} $(tr '\0' ' ' <"$pid/cmdline" 2>/dev/null)"
	done
}

# Remove names of regions at once. If something is still missing after three seconds, kill
# the processes that are attached.
leak_problems()
{
	local line region left

	for region in /dev/mshare/*/; do
		[ -d "$region" ] || continue
		region=$(basename "$region")
		problem "its region '$region' still had a name"
		build/tests/vm/unlink-region "$region" ||
			problem "and it could not be removed"
	done
	left=$(leaks)
	[ -n "$left" ] || return 0
	while read -r line; do
		problem "not given back after 3 s: $line"
	done <<<"$left"
	while read -r line; do
		problem "still attached, and killed: ${line#* }"
		kill -KILL "${line%% *}" || true
	done < <(holders)
	# What is not freed now must not be reported of the next test again.
	leaks >/dev/null
	lost=$(huge_pages_missing; module_uses)
}

# why_not_under PROGRAM: the reason in its source for which it cannot run under ${under[0]}
why_not_under()
{
	[ "${#under[@]}" = 0 ] ||
		sed -n "s/^.*\<${under[0]}: no, \(.*[^ */]\)[ */]*$/\1/p" "$(source_of "$1")"
}

# report STATUS NAME: print the test's TAP: its own lines, or one line for its exit status,
# then our findings, then a plan that counts all of them
report()
{
	local status=$1 name=$2

	awk -v status="$status" -v name="$name" -v limit="$limit" '
	function result(good, text) {
		printf "%sok %d - %s\n", good ? "" : "not ", ++count, text
	}
	/^1\.\.[0-9]+/ {
		planned = substr($0, 4) + 0; plan = 1
		if (/^1\.\.0/) skip = $0
		next
	}
	/^TAP version/ { next }
	/^(not )?ok($|[ \t])/ {
		count++
		if (/^not/ && !/# *(TODO|SKIP)/) bad++
		tap = 1; print; next
	}
	/^Bail out!/ { print "# " $0; bail = $0; next }
	{ if (!/^#/) { last = $0; print "# " $0 } else print }
	END {
		plain = !tap && !plan
		if (skip && !count && status == 0) { print skip; exit }
		if (plain && status == 77) { print "1..0 # SKIP " last; exit }
		if (bail) result(0, bail)
		if (plan && planned != count + 0 && !bail)
			result(0, sprintf("planned %d tests, but %d reported", planned, count))
		if (tap && !plan && !status) result(0, "ended before its plan")
		if (status == 124 || status == 137)
			result(0, sprintf("timed out or killed (limit %d s)", limit))
		else if (status > 128)
			result(0, sprintf("died of signal %d", status - 128))
		else if (status && (plain || !bad) && !bail)
			result(0, sprintf("exit status %d", status))
		else if (plain && !bail)
			result(1, name)
		while ((getline line < "/dev/fd/3") > 0)
			if (line != "") result(0, line)
		printf "1..%d\n", count
	}' "$raw" 3< <(printf '%s\n' "${problems[@]}")
}

# elapsed: the seconds since the outermost script began; the guest has the host's clock
elapsed()
{
	echo $(($(date +%s) - ${MSHAREARENA_BEGAN:-$(date +%s)}))
}

# summary TAP NAME SECONDS: print a line such as
# [  12s] ok    unit/test-layout (14 tests, 1 s)
summary()
{
	local tap=$1 name=$2 seconds=$3 word=ok

	if grep -aq '^not ok' <(grep -avE '# *(TODO|SKIP)' "$tap"); then
		word=FAIL
	elif grep -aq '^1\.\.0' "$tap"; then
		printf '[%4ds] SKIP  %s: %s\n' "$(elapsed)" "$name" \
			"$(sed -nE 's/^1\.\.0 *#? *([Ss][Kk][Ii][Pp])? *//p' "$tap")"
		return
	fi
	printf '[%4ds] %-5s %s (%d tests, %d s)\n' "$(elapsed)" "$word" "$name" \
		"$(grep -acE '^(not )?ok' "$tap")" "$seconds"
	grep -aiE '^ok.*# *skip' "$tap" | sed 's/^/          /' || true
	[ "$word" = ok ] || sed 's/^/        | /' "$tap"
}

run_test()
{
	local program=$1 name tap limit=$limit status=0 session left own reason

	name=$(name_of "$program")
	tap=$results/${name//\//-}.tap
	own=$(sed -n 's/^[# *]*\<timeout: *\([0-9]\+\).*/\1/p' "$(source_of "$program")" 2>/dev/null | head -n 1) || true
	limit=${own:-$limit}
	[[ -z ${VM_SLOW:-} && ${#under[@]} = 0 ]] || limit=$((limit * 4))
	problems=()
	reason=$(why_not_under "$program")
	if [ -n "$reason" ]; then
		echo "1..0 # SKIP not under ${under[0]}: $reason" >"$tap"
		summary "$tap" "$name" 0
		return
	fi
	began=$SECONDS
	[ -z "$module" ] || echo "harness: $name begins" >/dev/kmsg
	setsid timeout --kill-after=5 "$limit" "${under[@]}" "$program" >"$raw" 2>&1 </dev/null &
	session=$!
	trap 'pkill -KILL -s "$session"; exit 130' INT TERM
	wait "$session" || status=$?
	left=$(ps -s "$session" -o stat=,args= | sed -n '/^Z/d; s/^[^ ]* *//p')
	if [ -n "$left" ]; then
		problem "left running: $(head -n 1 <<<"$left")"
		pkill -KILL -s "$session" || true
	fi
	if [ -n "$module" ]; then
		leak_problems
		kernel_log_problems "$name"
	fi
	report "$status" "$name" >"$tap"
	summary "$tap" "$name" $((SECONDS - began))
	! grep -avE '# *(TODO|SKIP)' "$tap" | grep -aq '^not ok'
}

load_module()
{
	grep -q '^msharearena ' /proc/modules || insmod "$MSHAREARENA_KO"
}

# kmemleak needs two scans, some seconds apart, to be sure. The module was unloaded before,
# so that memory which only it could reach is found; the names of its functions are in $raw.
unreferenced()
{
	local memleak=/sys/kernel/debug/kmemleak

	for _ in 1 2; do
		sleep 6
		echo scan >"$memleak" || echo "kmemleak has switched itself off"
	done
	# All addresses have the same length, so that they compare as strings.
	awk 'FILENAME != "-" { address[++n] = "0x" $1; name[n] = $3; next }
		/^ *0x[0-9a-f]*$/ {
			for (i = n; i && address[i] > $1; i--);
			if (i) $0 = $0 " after " name[i] " of the module"
		}
		{ print }' <(sort "$raw") - <"$memleak"
}

lockdep_stopped()
{
	grep -q '^ *debug_locks: *1$' /proc/lockdep_stats ||
		echo "lockdep has switched itself off"
}

# closing NAME CHECKER COMMAND...: one test, which passes if the command prints nothing. Only
# kernels that check themselves have all the checkers.
closing()
{
	local name=$1 checker=$2 said

	shift 2
	count=$((count + 1))
	if [ ! -e "$checker" ] && [[ ${VM_KERNEL:-} != *-debug ]]; then
		echo "ok $count - $name # SKIP this kernel has no ${checker##*/}"
		return
	fi
	said=$("$@" 2>&1) || true
	[ -e "$checker" ] || said="this kernel should have $checker"
	if [ -n "$said" ]; then
		echo "not ok $count - $name"
		echo "# ${said//$'\n'/$'\n# '}"
	else
		echo "ok $count - $name"
	fi
}

# After the last test: the module has to unload, and no memory may be leaked.
unload_module()
{
	local tap=$results/zz-unload.tap count=0

	grep -i ' t .*\[msharearena\]' /proc/kallsyms >"$raw"
	lost=
	{
		closing "the module unloads" /proc/modules rmmod msharearena
		closing "all huge pages are free after the last test" /sys/kernel/mm/hugepages leaks
		closing "kmemleak finds no leak after the module was unloaded" /sys/kernel/debug/kmemleak unreferenced
		closing "lockdep was active until the last test ended" /proc/lockdep_stats lockdep_stopped
		echo "1..$count"
	} >"$tap" 2>&1
	summary "$tap" unload 0
	! grep -aq '^not ok' "$tap"
}

mkdir -p "$results"
failed=0
for test in "$@"; do
	[ -z "$module" ] || load_module || { echo "cannot load $MSHAREARENA_KO"; exit 1; }
	run_test "$test" || failed=1
done
[ -z "$module" ] || unload_module || failed=1
exit "$failed"
