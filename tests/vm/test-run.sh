#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: tests/run.sh fails if a part of it is killed or a test leaves no report, says so in its
# summary, and does not take a success for a failure. It runs in a tree with tests that are made up
# here, whose build root is that of this tree.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit

# Tests of the daemons follow each other beside those with sanitizers.
mkdir -p "$tmp/tree"/{tests/{native,unit,arena,vm},build/tests/unit}
cp META "$tmp/tree"
cp tests/{run,harness}.sh "$tmp/tree/tests"
find tests/vm -maxdepth 1 -type f ! -name 'test-*' -exec cp {} "$tmp/tree/tests/vm" \;

# unit TEXT: make the one test of unit/; native TEXT: and that of native/
unit()
{
	: >"$tmp/tree/tests/unit/test-a.c"
	printf '#!/bin/bash\n%s\n' "$1" >"$tmp/tree/build/tests/unit/test-a"
	chmod +x "$tmp/tree/build/tests/unit/test-a"
}

native()
{
	printf '#!/bin/bash\n%s\n' "$1" >"$tmp/tree/tests/native/test-b.sh"
	chmod +x "$tmp/tree/tests/native/test-b.sh"
}

# run [COMMAND...]: run both by the command, and $machines; sets $status
machines=()
run()
{
	"$@" timeout 100 "$tmp/tree/tests/run.sh" --short unit native-asan "${machines[@]}" >"$tmp/out" 2>&1
	status=$?
}

# The harness is the parent of timeout, which is that of the test.
# shellcheck disable=SC2016 # expanded by the tests
harness='$(ps -o ppid= -p "$PPID" | tr -d " ")'

unit true
native true
run
is "run.sh succeeds if all tests do" "$status" 0
ok "the summary counts them" grep -q '^Files=2, Tests=2,' "$tmp/out"

# There is no test for a machine, so that none is booted.
read -ra all < <(sed -n 's/^Linux-Tested: *//p' META)
machines=("${all[@]/#/vm-}")
run
is "run.sh succeeds with all kernels" "$status" 0
not_ok "it says of none that it was left out" grep "NOT RUN" "$tmp/out"
mapfile -t machines < <(printf '%s\n' "${machines[@]}" | grep -v -e -debug)
run
is "run.sh succeeds without the debug kernel" "$status" 0
ok "the summary says that it was left out" grep -q "^NOT RUN: vm-.*-debug; .*make check-kunit" "$tmp/out"
machines=()

unit false
run
is "run.sh fails if a test does" "$status" 1
not_ok "it says no more than the test's own report" test -s "$tmp/tree/build/results/faults"

unit "kill -KILL $harness"
run
is "run.sh fails if a test leaves no report" "$status" 1
ok "it names the test" grep -q 'results/unit has no report of unit/test-a and 0 more' "$tmp/out"
ok "the summary has it" grep -q '^build/results/run.tap .*Failed' "$tmp/out"

# The shell of the lane is a child of the oldest one that runs the script.
# shellcheck disable=SC2016 # expanded by the test
native 'pkill -KILL -P "$(pgrep -of "^/bin/bash .*/run.sh --short unit native-asan")" \
	-f "/run.sh --short unit native-asan"'
unit 'sleep 5'
run
is "run.sh fails if a part of it is killed" "$status" 1
ok "it names the part" grep -q "the part 'daemons' of this script was killed" "$tmp/out"
# The tests that the part had started end by themselves.
ended()
{
	! pgrep -f "$tmp/tree/|^/bin/bash tests/harness.sh build/results/unit " >/dev/null
}
ok "the tests that the part had started end" wait_for 60 ended

# Process numbers come round soon in a name space of their own. The process of the lane ends early,
# and so many others follow it that one of them gets its number.
unit true
native 'sleep 3'
sed -i 's/^run_queued()$/&\n{\n\trun_all || return\n\tfor _ in {1..900}; do (:); done\n}\n\nrun_all()/' \
	"$tmp/tree/tests/run.sh"
# Before 6.14 the kernel had one limit of them, that of the machine.
release=$(uname -r)
if [ "$(printf '%s\n' 6.14 "${release%%-*}" | sort -V | head -n 1)" = 6.14 ]; then
	# Numbers up to 300 are used once only.
	run unshare --pid --fork --mount-proc bash -c 'echo 400 >/proc/sys/kernel/pid_max
		for _ in {1..320}; do (:); done
		exec "$@"' bash
	is "run.sh succeeds if the number of an ended part is used again" "$status" 0
	ok "the summary counts all tests" grep -q '^Files=2, Tests=2,' "$tmp/out"
else
	skip "run.sh succeeds if the number of an ended part is used again" \
		"this kernel has one limit of process numbers for all name spaces (before 6.14)"
fi
[ "$tests_failed" = 0 ] || diag "$(cat "$tmp/out")"
done_testing
