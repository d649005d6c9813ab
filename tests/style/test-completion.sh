#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: bash completes every option of each program, and the words and files that options take.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
library=/usr/share/bash-completion/bash_completion
[ -e "$library" ] || skip_all "needs bash-completion"
# shellcheck source=/dev/null
set +u; . "$library"
# shellcheck source=../../user/dist/completion.bash
. user/dist/completion.bash
# It is for the shell in which somebody types.
compopt() { :; }

# complete_line PROGRAM WORD...: print what the last word can become
complete_line()
{
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMPREPLY=()
	COMP_POINT=${#COMP_LINE}
	_msharearena "$1" "${@: -1}" "${@: -2:1}"
	printf '%s\n' "${COMPREPLY[@]}" | sort -u | xargs
}

for program in arenad arenactl arena-metrics arena-np arena-sp; do
	"$program" --help >"$tmp/help"
	completed=$(complete_line "$program" -- | tr -d = | tr ' ' '\n' | sort -u)
	wanted=$(sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p' "$tmp/help" | sort -u)
	is "every option in the help of $program is completed" "$completed" "$wanted"
done
is "the words of an option are completed" "$(complete_line arenad --backend '')" "auto memfd module"
is "the words of an option with an equals sign are completed" \
	"$(complete_line arenad --disk-backend=b)" block
for program in arenad arena-metrics arena-np arena-sp; do
	is "the formats of the log of $program are completed" \
		"$(complete_line "$program" --log-format '')" "json text"
done
is "the commands of arenactl are completed" "$(complete_line arenactl re)" "regions reload"
is "what shows more is completed" "$(complete_line arenactl t)" "top trace"
is "the commands of arenactl are completed behind an option" \
	"$(complete_line arenactl --json up)" upgrade
is "what arenactl can do with peers is completed" "$(complete_line arenactl peers '')" "add remove"
is "nothing but options is completed for the others" "$(complete_line arenad '')" ""
touch "$tmp/only-this"
is "the path of a disk is completed" "$(complete_line arenad --disk "d=$tmp/only")" "$tmp/only-this"
is "a user is completed" "$(complete_line arenad --np-user roo)" root
done_testing
