#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs suites of tests, in the build root, on the host or in virtual machines, and ends with
# a summary of prove(1) that counts all tests.
#
# Usage: tests/run.sh [--only RE] [--short] SUITE...
#
#   model          tests/model/test-*.sh, in the build root
#   style          tests/style/test-*.sh, in the build root
#   unit           tests/unit/*.c and tests/arena/*.c, in the build root
#   native         tests/native/test-*.sh, in the build root: daemons on memfd
#   peers          tests/peers/test-*.sh, in the build root: clients that nobody here wrote
#   unit-asan, native-asan
#                  the same, built with sanitizers
#   parsers        tests/parsers/test-*.sh, in the build root: short runs of libFuzzer
#   tsan           tests/unit/*.c and tests/arena/*.c that have threads, built with
#                  ThreadSanitizer
#   valgrind       tests/unit/*.c and tests/arena/*.c under valgrind's memcheck,
#                  but for those with a comment "valgrind: no, REASON"
#   machine        tests/vm/test-*.sh, on the host: tests of tests/vm/vm and of this script
#   vm-KERNEL      tests/uapi/*.c, tests/arena/*.c and tests/system/test-*.sh with
#                  the module in a virtual machine that boots KERNEL (6.12 or 7.3)
#   vm-PATH        the same on the kernel that was built in the folder PATH; if that
#                  kernel checks itself, the tests of vm-KERNEL-debug; tests that were
#                  skipped there are listed at the end
#   vm-KERNEL-debug
#                  tests/kunit/test-*.sh, tests/uapi/*.c and those of
#                  tests/system that have a comment "vm: debug", on a kernel that
#                  checks itself (6.12-debug), which is many times slower; without
#                  --short also tests/arena/*.c
#
# --only RE runs the tests whose names (unit/test-layout) match. --short leaves out tests with these
# comments:
#
#	run: long	everywhere
#	vm: long	on a kernel that checks itself
#	vm: once	on all kernels but the first one
#	vm: native	in machines, because unit-asan has the test
#
# and runs without sanitizers only unit/ and those of native/ that say "sanitizers: no", because
# the machines run arena/ and the daemons so, too. style, model, tsan and parsers follow each other,
# and so do peers, unit, unit-asan and native; both run at the same time as the other suites, up to
# one that needs a machine, unless there are no others. If there are several suites of machines, two machines run at any time, because
# most tests keep one processor of a machine busy: the kernel that checks itself in one boot, and of
# the others arena/ and uapi/ in one and system/ in another one. Tests in the machine share a boot
# otherwise, except those with a comment like
#
#	vm: append=no5lvl
#
# for kernel arguments of their own, or
#
#	vm: nodes=2
#
# for a machine with two NUMA nodes, or
#
#	# vm: systemd
#
# for one in which systemd is process 1, and in which no module is loaded. The report of each test
# is kept in build/results/SUITE/*.tap. The Makefile builds everything before it calls this script.
set -euo pipefail
# shellcheck source=vm/common.sh
. "$(dirname "$0")/vm/common.sh"
# shellcheck source=vm/kernel-tree.sh
. "$(dirname "$0")/vm/kernel-tree.sh"
cd "$tree"

only=. short='' first_vm='' part='' queue='' faults=build/results/faults
while [[ ${1:-} == --* ]]; do
	case $1 in
	--only) only=${2:-.}; shift ;;
	--short) short=1 ;;
	*) set -- ;;
	esac
	[ $# -eq 0 ] || shift
done
[ $# -gt 0 ] || { sed -n '/^# Usage/,/^set/s/^# \?//p' "$0" >&2; exit 2; }

# The time limit of a machine, in seconds; tests have limits of their own.
vm_timeout=${VM_TIMEOUT:-3000}

# results_of SUITE: the folder of its reports
results_of()
{
	local release

	if kernel_is_tree "$1"; then
		release=$(cat "${1#vm-}/include/config/kernel.release" 2>/dev/null)
		echo "build/results/vm-${release:-tree}"
	else
		echo "build/results/$1"
	fi
}

# named FILE: the name of a test, such as unit/test-layout
named()
{
	local name=${1#tests/}

	name=${name%.c}
	echo "${name%.sh}"
}

# is_of_part FILE: does the test belong to the part of the suite that $part names? Without a part
# all tests do.
is_of_part()
{
	case $part in
	system) [[ $1 == tests/system/* ]] ;;
	device) [[ $1 != tests/system/* ]] ;;
	esac
}

# select_tests FILE...: set $selected to those that exist and match --only
select_tests()
{
	local file

	selected=()
	for file in "$@"; do
		[ -e "$file" ] || continue
		is_of_part "$file" || continue
		[[ $(named "$file") =~ $only ]] || continue
		[ -n "$short" ] && grep -q '\<run: long\>' "$file" && continue
		selected+=("$file")
	done
}

# find_programs BUILD: set $programs to the programs of the tests in $selected
find_programs()
{
	local file

	programs=()
	for file in "${selected[@]}"; do
		case $file in
		*.c) programs+=("$1/${file%.c}") ;;
		*) programs+=("$file") ;;
		esac
	done
}

# fault TEXT: a failure that no report of a test tells. main() makes a report of all of them.
fault()
{
	say "$1"
	echo "$1" >>"$faults"
}

# judged STATUS RESULTS PROGRAM...: note what the reports of these tests do not tell of the status
# with which their harness ended, and return it
judged()
{
	local status=$1 results=$2 program name missing=()

	shift 2
	for program in "$@"; do
		name=${program#*tests/}
		name=${name%.sh}
		[ -s "$results/${name//\//-}.tap" ] || missing+=("$name")
	done
	if [ "${#missing[@]}" -gt 0 ]; then
		fault "$results has no report of ${missing[0]} and $((${#missing[@]} - 1)) more (status $status)"
		return 1
	fi
	[ "$status" = 0 ] || grep -aqs '^not ok' "$results"/*.tap ||
		fault "the harness of $results ended with status $status, but no test there has failed"
	return "$status"
}

run_in_root()
{
	local results=$1 build=$2 status=0

	find_programs "$build"
	[ "${#programs[@]}" -gt 0 ] || return 0
	tests/vm/enter env BUILD="$build" UNDER="$under" \
		tests/harness.sh "$results" "${programs[@]}" || status=$?
	judged "$status" "$results" "${programs[@]}"
}

# run_queued: run in the root what is left of native-asan; several callers share the work
run_queued()
{
	local program failed=0 status results=build/results/native-asan

	while program=$(next_job "$queue"); do
		status=0
		tests/vm/enter env BUILD=build-asan UNDER= \
			tests/harness.sh "$results" "$program" || status=$?
		judged "$status" "$results" "$program" || failed=1
	done
	return "$failed"
}

# fill_queue: prepare native-asan for run_queued
fill_queue()
{
	mkdir -p build/results/native-asan
	select_tests tests/native/test-*.sh
	printf '%s\n' "${selected[@]}" | grep . >"$queue" || true
}

run_on_host()
{
	local status=0

	[ "${#selected[@]}" -gt 0 ] || return 0
	tests/harness.sh "$1" "${selected[@]}" || status=$?
	judged "$status" "$1" "${selected[@]}"
}

# Boot a machine once. Its own result counts as a test, so that a machine that dies without
# a report cannot pass.
boot()
{
	local kernel=$1 append=$2 results=$3 name=$4 status=0 limit=$vm_timeout options=() module=--module

	[ -z "$slow" ] || limit=$((limit * 4))
	mkdir -p "$results"
	case $append in
	'') ;;
	nodes=*) options=(--nodes "${append#*=}") ;;
	systemd) options=(--systemd) module='' ;;
	*) options=(--append "$append") ;;
	esac
	tests/vm/vm --kernel "$kernel" "${options[@]}" \
		--timeout "$limit" --name "$name" --out "$results" -- \
		env MSHAREARENA_BEGAN="$MSHAREARENA_BEGAN" NPS="${NPS:-}" SPS="${SPS:-}" \
		tests/harness.sh ${module:+"$module"} /out "${programs[@]}" || status=$?
	[ ! -e "build/vm-logs/$name/first-console.log" ] || echo "$name" >"$results/early-death"
	{
		# The tests' own failures (1) are counted where they happened.
		if [ "$status" -le 1 ]; then
			echo "ok 1 - the machine ends well and its kernel log is clean"
		else
			echo "not ok 1 - the machine ends well and its kernel log is clean"
			echo "# status $status of tests/vm/vm; see build/vm-logs/$name"
		fi
		echo 1..1
	} >"$results/machine.tap"
	# A machine that has failed brings no reports back.
	[ "$status" -le 1 ] || return "$status"
	judged "$status" "$results" "${programs[@]}"
}

run_in_vm()
{
	local kernel=$1 results=$2 failed=0 file append number=0 all variants=() name

	name=check-${results#build/results/vm-}
	name=${name//\//-}
	all=("${selected[@]}")
	[ "${#all[@]}" -gt 0 ] || return 0
	mapfile -t variants < <(for file in "${all[@]}"; do append_of "$file"; done | sort -u)
	for append in "${variants[@]}"; do
		selected=()
		for file in "${all[@]}"; do
			[ "$(append_of "$file")" != "$append" ] || selected+=("$file")
		done
		find_programs build
		[ -z "$append" ] || say "a boot with $append"
		boot "$kernel" "$append" "$results${append:+/boot-$((++number))}" \
			"$name${append:+-$number}" || failed=1
	done
	return "$failed"
}

# append_of FILE: the kernel arguments, or "nodes=N", that a test asks for, or an empty line
append_of()
{
	sed -n -e 's/^.*\<vm: append=\(.*[^ */]\)[ */]*$/\1/p' -e 's/^# vm: \(nodes=[0-9]*\|systemd\)$/\1/p' \
		"$1" | head -n 1 | grep . || echo
}

run_suite()
{
	local suite=$1 build=build under="" results system=() all=() slow=

	if [ "$suite" = native-asan ] && [ -n "$queue" ]; then
		say "=== native-asan"
		run_queued
		return
	fi
	results=$(results_of "$suite")${part:+/$part}
	mkdir -p "$results"
	say "=== $suite${part:+, $part}"
	[[ $suite != *-asan ]] || build="build-asan"
	[[ $suite != tsan ]] || build="build-tsan"
	[[ $suite != valgrind ]] || under="valgrind -q --error-exitcode=99 --leak-check=full"
	case $suite in
	machine) select_tests tests/vm/test-*.sh ;;
	model | style | parsers | peers) select_tests tests/"$suite"/test-*.sh ;;
	unit-asan) select_tests tests/unit/*.c tests/arena/*.c ;;
	unit)
		# A machine runs those of arena/ without sanitizers, too.
		all=(tests/unit/*.c)
		[ -n "$short" ] || all+=(tests/arena/*.c)
		select_tests "${all[@]}"
		;;
	tsan)
		mapfile -t all < <(grep -lw pthread_create tests/unit/*.c tests/arena/*.c)
		select_tests "${all[@]}"
		;;
	valgrind) select_tests tests/unit/*.c tests/arena/*.c ;;
	native-asan) select_tests tests/native/test-*.sh ;;
	native)
		all=(tests/native/test-*.sh)
		[ -z "$short" ] || mapfile -t all < <(grep -l '\<sanitizers: no\>' "${all[@]}")
		select_tests "${all[@]}"
		;;
	vm-*/*)
		tree_open "${suite#vm-}"
		all=(tests/arena/*.c tests/uapi/*.c)
		[ "$(tree_config KUNIT)" != y ] || all+=(tests/kunit/test-*.sh)
		if tree_checks_itself; then
			slow=1
			mapfile -t system < <(grep -l '\<vm: debug\>' tests/system/test-*.sh)
		else
			system=(tests/system/test-*.sh)
		fi
		select_tests "${all[@]}" "${system[@]}"
		;;
	vm-*-debug)
		slow=1
		mapfile -t system < <(grep -l '\<vm: debug\>' tests/system/test-*.sh)
		all=(tests/kunit/test-*.sh tests/uapi/*.c "${system[@]}")
		if [ -n "$short" ]; then
			mapfile -t all < <(grep -L '\<vm: long\>' "${all[@]}")
		else
			all+=(tests/arena/*.c)
		fi
		select_tests "${all[@]}"
		;;
	vm-*)
		all=(tests/arena/*.c tests/uapi/*.c tests/system/test-*.sh)
		if [ -n "$short" ]; then
			mapfile -t all < <(grep -L '\<vm: native\>' "${all[@]}")
			[ "$suite" = "$first_vm" ] ||
				mapfile -t all < <(grep -L '\<vm: once\>' "${all[@]}")
		fi
		select_tests "${all[@]}"
		;;
	*) die "no suite '$suite'; see $0" ;;
	esac
	[ "${#selected[@]}" -gt 0 ] || say "no tests in $suite match"
	case $suite in
	vm-*) run_in_vm "${suite#vm-}" "$results" ;;
	machine) run_on_host "$results" ;;
	*) run_in_root "$results" "$build" ;;
	esac
}

# Things that the user has to know of a run although no test failed because of them.
notices()
{
	local suite skipped file left_out

	left_out=$(for suite in $(meta Linux-Tested); do
		[[ $suite != *-debug || " $* " == *" vm-$suite "* ]] || echo "vm-$suite"
	done | paste -sd' ')
	[ -z "$short" ] || [ "$only" != . ] || [[ "$*" != *vm-* ]] || [ -z "$left_out" ] ||
		echo "NOT RUN: $left_out; if make check has left it out, nothing that it tests has" \
			"changed since it passed; make check-kunit runs it"

	for suite in "$@"; do
		find "$(results_of "$suite")" -name early-death 2>/dev/null || true
	done | while read -r file; do
		echo "NOTE: a machine died in its own boot, before any of ours ran, and was booted again:" \
			"build/vm-logs/$(cat "$file")/first-console.log"
	done
	for suite in "$@"; do
		kernel_is_tree "$suite" || continue
		tree_open "${suite#vm-}"
		skipped=$(grep -arsiE --include='*.tap' '^(1\.\.0|ok).*# *skip' "$(results_of "$suite")" |
			sed -E 's,^.*/([^/]*)\.tap:,\1: ,; s/: (1\.\.0|ok [0-9]+)( - )? */: /;
				s/: *# *skip:? */: /I; s/ *# *skip:? */: /I' |
			sort | uniq -c | sed -E 's/^ +1 //; s/^ +([0-9]+) (.*)/\2 (\1 times)/')
		echo "NOT TESTED on Linux $krelease:"
		{
			sed -n 's/^/configured without /p' <<<"$(tree_lacks_wants | grep .)"
			[ -z "$skipped" ] || echo "$skipped"
			[ "$(tree_config KUNIT)" = y ] ||
				echo "the KUnit suites of kmod/test: CONFIG_KUNIT=y is not set"
		} | grep -v '^configured without $' | sed 's/^/  /'
		echo
	done
}

# lane_of SUITE: print the lane that a suite belongs to, or an empty line. Suites of a lane follow each
# other, and lanes run at the same time as the suites without one, which are shown as they come.
# The first lane keeps processors busy; in the second one, and in native-asan, much time goes by in
# waits. native-asan takes longest, so the second lane takes tests of it when it has done its own.
lane_of()
{
	case $1 in
	style | model | tsan | parsers) echo sources ;;
	peers | native | unit | unit-asan) echo daemons ;;
	*) echo ;;
	esac
}

run_lane()
{
	local suite failed=0

	for suite in "$@"; do
		run_suite "$suite" || failed=1
	done
	# The lane of the daemons has an end long before native-asan has.
	[ "$(lane_of "$1")" != daemons ] || [ ! -s "$queue" ] || {
		say "=== native-asan, a part"
		run_queued || failed=1
	}
	return "$failed"
}

# begin NAME COMMAND...: start a function of this script. end() shows what it has printed.
begin()
{
	local name=$1

	shift
	rm -f "build/results/$name.status"
	{
		"$@" >"build/results/$name.log" 2>&1 && echo good >"build/results/$name.status" ||
			echo bad >"build/results/$name.status"
	} &
	begun[$name]=$!
}

# end NAME: wait for what begin() has started, and fail if it failed. Its status comes from a
# file, because a shell that waits does not know the status of a process any more when
# another one of its processes has got the same number.
end()
{
	local status

	wait "${begun[$1]}" 2>/dev/null || true
	unset "begun[$1]"
	cat "build/results/$1.log"
	status=$(cat "build/results/$1.status" 2>/dev/null) ||
		fault "the part '$1' of this script was killed; it is to be run again"
	[ "$status" = good ]
}

# Start the lanes of the named suites.
declare -A begun=()
lanes=()
begin_lanes()
{
	local lane suite suites

	for lane in sources daemons; do
		suites=()
		for suite in "$@"; do
			[ "$(lane_of "$suite")" != "$lane" ] || suites+=("$suite")
		done
		[ "${#suites[@]}" -gt 0 ] || continue
		say "=== ${suites[*]}, beside what follows"
		begin "$lane" run_lane "${suites[@]}"
		lanes+=("$lane")
	done
}

end_lanes()
{
	local lane status=0

	for lane in "${lanes[@]}"; do
		end "$lane" || status=1
	done
	lanes=()
	return "$status"
}

# machine_jobs SUITE...: print a line for each boot, or a few of them, that follow each other: a suite
# and its part, "device" or "system". The kernel that checks itself comes first, because it takes
# longest, and whole, because looking for leaks at its end takes minutes.
machine_jobs()
{
	local suite

	for suite in "$@"; do
		[[ $suite != *-debug ]] || echo "$suite"
	done
	for suite in "$@"; do
		[[ $suite != *-debug ]] || continue
		echo "$suite device"
		echo "$suite system"
	done
}

# next_job FILE: take the first line of the file; fails when it is empty
next_job()
{
	local job

	{
		flock 9
		job=$(head -n 1 "$1")
		sed -i 1d "$1"
	} 9>"$1.lock"
	[ -n "$job" ] && echo "$job"
}

run_jobs()
{
	local suite failed=0 job

	while job=$(next_job "$1"); do
		read -r suite part <<<"$job"
		run_suite "$suite" || failed=1
	done
	return "$failed"
}

# The progress of one machine is shown as it comes, that of the other one at the end.
run_machines()
{
	local failed=0 jobs=build/results/jobs suite

	first_vm=$1
	if [ $# = 1 ]; then
		run_suite "$1"
		return
	fi
	machine_jobs "$@" >"$jobs"
	say "=== ${*}, two machines at a time"
	begin machines run_jobs "$jobs"
	run_jobs "$jobs" || failed=1
	end machines || failed=1
	return "$failed"
}

main()
{
	local suite failed=0 results=() files=() machines=() others=''

	mkdir -p build/results
	: >"$faults"
	for suite in "$@"; do
		[ -n "$(lane_of "$suite")" ] || others=1
		[ "$suite" != native-asan ] || queue=build/results/queue
	done
	for suite in "$@"; do
		rm -rf "$(results_of "$suite")"
	done
	[ -z "$queue" ] || fill_queue
	[ -z "$others" ] || begin_lanes "$@"
	for suite in "$@"; do
		results+=("$(results_of "$suite")")
		case $suite in
		vm-*)
			machines+=("$suite")
			continue
			;;
		machine) end_lanes || failed=1 ;;
		esac
		[ -n "$others" ] && [ -n "$(lane_of "$suite")" ] || run_suite "$suite" || failed=1
	done
	end_lanes || failed=1
	[ "${#machines[@]}" = 0 ] || run_machines "${machines[@]}" || failed=1
	mapfile -t files < <(find "${results[@]}" -name '*.tap' | sort)
	if [ -s "$faults" ]; then
		awk '{ print "not ok " NR " - " $0 } END { print "1.." NR }' "$faults" >build/results/run.tap
		files+=(build/results/run.tap)
	fi
	[ "${#files[@]}" -gt 0 ] || die "no test ran"
	say "=== all of: $*; what each said is in build/results"
	notices "$@" >build/results/notices
	# The last lines of prove are the result and have to stay the last lines of all. If a
	# suite failed though no report has a failure, the run itself went wrong.
	tests/vm/enter prove --exec cat "${files[@]}" 2>&1 |
		awk '/^(Test Summary Report|All tests successful|Files=)/ && !told++ {
				while ((getline line <"build/results/notices") > 0)
					print line
			} { print; fflush() }' ||
		exit 1
	[ "$failed" = 0 ] || die "a suite failed without a test that says why"
}

# This is one line, so that bash reads nothing after it: the file may change while it runs.
main "$@"; exit
