# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion for arenad, arenactl, arena-metrics, arena-np and arena-sp. It asks the programs themselves: --help for
# the options and what their values are, and for the words of an option the error of a wrong one.

# _msharearena_value PROGRAM OPTION: complete $cur as the value of the option
_msharearena_value()
{
	local argument

	argument=$("$1" --help 2>/dev/null | sed -n "s/^ *\(-., \)\{0,1\}$2=\([^ ]*\).*/\2/p")
	case $argument in
	DIR) _filedir -d ;;
	FILE | PATH) _filedir ;;
	USER) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	GROUP) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
	NAME=PATH)
		[[ $cur == *=* ]] || return
		cur=${cur#*=}
		_filedir
		;;
	*)
		# arenad only checks its options then, and the others have no such option: nothing is started.
		_msharearena_words "$1" "$2=?" --check-config --config=none
		;;
	esac
}

# _msharearena_words PROGRAM ARGUMENT...: complete $cur as one of the words that there are for a ?
_msharearena_words()
{
	local words

	words=$("$@" 2>&1 | sed -n 's/.* ? is none of //p')
	mapfile -t COMPREPLY < <(compgen -W "${words//,/}" -- "$cur")
}

_msharearena()
{
	# shellcheck disable=SC2034 # set by _init_completion
	local cur prev words cword split

	_init_completion -s -n : || return
	if [[ $prev == --* ]] && "$1" --help 2>/dev/null | grep -q -- "$prev=[^ ]"; then
		_msharearena_value "$1" "$prev"
		return
	fi
	# arenactl has words that are no options. No program does anything if it gets this one.
	if [[ $cur != -* && ${1##*/} == arenactl && $cword -gt 1 ]]; then
		_msharearena_words "$1" "$prev" "?"
		return
	fi
	if [[ $cur != -* ]]; then
		_msharearena_words "$1" "?"
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
	[[ ${COMPREPLY-} != *= ]] || compopt -o nospace
}
complete -F _msharearena arenad arenactl arena-metrics arena-np arena-sp
