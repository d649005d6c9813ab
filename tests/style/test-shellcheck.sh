#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: shellcheck finds nothing in any shell script. A script is a file whose name ends
# with .sh or whose first line names a shell.
# timeout: 1200
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
# Most of the time goes to the libraries, which are read anew for each script.
check() { printf '%s\n' "${scripts[@]}" | xargs -P "$(nproc)" -n 20 shellcheck --external-sources; }
ok "shellcheck finds nothing in ${#scripts[@]} scripts" check
done_testing
