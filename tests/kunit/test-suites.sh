#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the parts of the module do what their headers promise. The module for a debug kernel
# contains the KUnit suites of kmod/test, which run when it is loaded. Each case is a test
# here.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# read_suite FILE: report the cases of a suite, whose lines are indented by four blanks.
# Messages and parameters of a case are indented deeper, or are comments.
read_suite()
{
	local suite line planned=0 cases=0 failed=0 whole=0

	suite=$(basename "$(dirname "$1")")
	while IFS= read -r line; do
		if [[ $line =~ ^'    1..'([0-9]+)$ ]]; then
			planned=${BASH_REMATCH[1]}
		elif [[ $line =~ ^'    '(not )?'ok '[0-9]+' '(.*) ]]; then
			cases=$((cases + 1))
			[ -z "${BASH_REMATCH[1]}" ] || failed=$((failed + 1))
			result "$((${#BASH_REMATCH[1]} > 0))" "$suite: ${BASH_REMATCH[2]}"
		elif [[ $line == "not ok "* ]]; then
			whole=1
		else
			diag "$line"
		fi
	done <"$1"
	[ "$((cases == planned && cases > 0))" = 1 ] ||
		result 1 "$suite reported $cases of its $planned cases"
	[ "$((whole == 0 || failed > 0))" = 1 ] ||
		result 1 "$suite failed outside its cases"
}

# Load the module again, so that messages of the suites belong to this test.
ok "the module unloads" rmmod msharearena
ok "the module loads again and runs its KUnit suites" insmod "$MSHAREARENA_KO"
mapfile -t files < <(find /sys/kernel/debug/kunit -name results | sort)
ok "at least one KUnit suite has results" test "${#files[@]}" -gt 0
for file in "${files[@]}"; do
	read_suite "$file"
done
done_testing
