#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the module's parts do what their headers say. The KUnit suites of
# kmod/test are in the module that a debug kernel gets and run when it is loaded;
# each case is a test here.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# read_suite FILE: of a suite's results the cases are indented once; what a case
# says, and what it says of its parameters, is deeper or a comment.
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
		result 1 "$suite: $cases of $planned cases reported"
	[ "$((whole == 0 || failed > 0))" = 1 ] ||
		result 1 "$suite: the suite as a whole"
}

# Loaded once more, so that what the kernel says of it is this test's.
ok "the module unloads" rmmod msharearena
ok "and loads, with its suites" insmod "$MSHAREARENA_KO"
mapfile -t files < <(find /sys/kernel/debug/kunit -name results | sort)
ok "there are suites" test "${#files[@]}" -gt 0
for file in "${files[@]}"; do
	read_suite "$file"
done
done_testing
