#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs test programs one after the other and leaves what each reported as
# RESULTS/NAME.tap. tests/run.sh calls this, in the build root or in the guest.
#
# Usage: tests/harness.sh [--module] RESULTS TEST...
#
# A test prints TAP or just exits: 0 is success, 77 a skip whose reason is the
# last line, all else failure. To what it reports are added, as tests that
# fail: results that are missing, processes it left, and with --module (in the
# guest) what the kernel's log says since it began, regions that still have their
# names, huge pages not given back and uses of the module that remain. These are
# cleared away as far as that can be done, so that only the test that left them
# fails. A comment "timeout: SECONDS" in a test's
# source overrides the limit of 120 seconds; a kernel that checks itself (VM_SLOW) gets four
# times that.
#
# UNDER="PROGRAM OPTION..." runs each test under that program, with four times the
# limit, but skips those with a comment "PROGRAM: no, REASON".
set -euo pipefail

limit=120
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
# What is out for good, and has been said.
lost=
trap 'rm -f "$raw"' EXIT

# Adds to the running test's findings.
problem()
{
	problems+=("$1")
}

# source_of PROGRAM: where its "timeout:" would be
source_of()
{
	case $1 in
	build*/tests/*) echo "tests/${1#*/tests/}.c" ;;
	*) echo "$1" ;;
	esac
}

# name_of PROGRAM: unit/test-layout, system/test-demo
name_of()
{
	local name=${1#*tests/}

	echo "${name%.sh}"
}

# What has come into the kernel's log since the line that we put there.
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

# The kernel takes rings and mappings down behind the process's back, so what
# is wrong at first may be right in a moment.
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

# What is still out after three seconds, but for what is in $lost.
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

# The processes that have a view open or attached, each with its arguments.
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

# Names go at once. Whoever is still attached after that is ended.
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
	# What does not come back now is not to be said of the next one as well.
	leaks >/dev/null
	lost=$(huge_pages_missing; module_uses)
}

# why_not_under PROGRAM: what its source says against our ${under[0]}, if anything
why_not_under()
{
	[ "${#under[@]}" = 0 ] ||
		sed -n "s/^.*\<${under[0]}: no, \(.*[^ */]\)[ */]*$/\1/p" "$(source_of "$1")"
}

# Prints the TAP of the test: its own lines, or one that speaks for its exit
# status, then our findings, then a plan that counts them all.
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

# Seconds since the outermost script began; the guest has the host's clock.
elapsed()
{
	echo $(($(date +%s) - ${MSHAREARENA_BEGAN:-$(date +%s)}))
}

# A line for the eye: [ 12s] ok    unit/test-layout (14 tests, 1 s)
summary()
{
	local tap=$1 name=$2 seconds=$3 word=ok

	if grep -q '^not ok' <(grep -vE '# *(TODO|SKIP)' "$tap"); then
		word=FAIL
	elif grep -q '^1\.\.0' "$tap"; then
		printf '[%4ds] SKIP  %s: %s\n' "$(elapsed)" "$name" \
			"$(sed -nE 's/^1\.\.0 *#? *([Ss][Kk][Ii][Pp])? *//p' "$tap")"
		return
	fi
	printf '[%4ds] %-5s %s (%d tests, %d s)\n' "$(elapsed)" "$word" "$name" \
		"$(grep -cE '^(not )?ok' "$tap")" "$seconds"
	grep -iE '^ok.*# *skip' "$tap" | sed 's/^/          /' || true
	[ "$word" = ok ] || sed 's/^/        | /' "$tap"
}

run_test()
{
	local program=$1 name tap limit=$limit status=0 session left own reason

	name=$(name_of "$program")
	tap=$results/${name//\//-}.tap
	own=$(sed -n 's/.*\<timeout: *\([0-9]\+\).*/\1/p' "$(source_of "$program")" 2>/dev/null | head -n 1) || true
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
	! grep -vE '# *(TODO|SKIP)' "$tap" | grep -q '^not ok'
}

load_module()
{
	grep -q '^msharearena ' /proc/modules || insmod "$MSHAREARENA_KO"
}

# It takes two scans, some seconds apart, to be sure. The module is gone by then,
# and with it what it alone could reach; its functions' names are in $raw.
unreferenced()
{
	local memleak=/sys/kernel/debug/kmemleak

	for _ in 1 2; do
		sleep 6
		echo scan >"$memleak" || echo "kmemleak has switched itself off"
	done
	# Addresses are of one length, so that they compare as strings.
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

# closing NAME CHECKER COMMAND...: one test, good if the command has nothing to
# say. Only kernels that are built to check themselves have all the checkers.
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

# After the last test: does the module go, and is all memory known of?
unload_module()
{
	local tap=$results/zz-unload.tap count=0

	grep -i ' t .*\[msharearena\]' /proc/kallsyms >"$raw"
	lost=
	{
		closing "the module unloads" /proc/modules rmmod msharearena
		closing "all huge pages are back" /sys/kernel/mm/hugepages leaks
		closing "kmemleak finds nothing" /sys/kernel/debug/kmemleak unreferenced
		closing "lockdep watched to the end" /proc/lockdep_stats lockdep_stopped
		echo "1..$count"
	} >"$tap" 2>&1
	summary "$tap" unload 0
	! grep -q '^not ok' "$tap"
}

mkdir -p "$results"
failed=0
for test in "$@"; do
	[ -z "$module" ] || load_module || { echo "cannot load $MSHAREARENA_KO"; exit 1; }
	run_test "$test" || failed=1
done
[ -z "$module" ] || unload_module || failed=1
exit "$failed"
