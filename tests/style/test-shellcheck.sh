#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Shell scripts, found by their first line or their names, are without findings.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires shellcheck

mapfile -t scripts < <(
	find . \( -name .git -o -name 'build*' \) -prune -o -type f -print |
		while read -r file; do
			case $file in
			*.sh) echo "$file" ;;
			*) head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\<(ba)?sh\>' && echo "$file" ;;
			esac
		done | sort)
ok "${#scripts[@]} scripts" shellcheck --external-sources "${scripts[@]}"
done_testing
