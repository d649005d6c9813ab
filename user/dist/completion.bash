# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion for arenad, arenactl, arena-metrics, arena-np and arena-sp. It asks the programs themselves: --help for
# the options and what their values are, for the words of an option the error of a wrong one, and the arenad that runs
# for its exports and peers. What bash-completion does better is left to it, where it is there.

# _msharearena_split: set $words, $cword, $cur and $prev as _init_completion does, without bash-completion
_msharearena_split()
{
	local word i

	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		# readline makes words of their own of these characters.
		if [[ ${#words[@]} -gt 1 && ($word == [:=]* || ${words[-1]} == *[:=]) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	cword=$((${#words[@]} - 1))
	cur=${words[cword]}
	prev=${words[cword > 0 ? cword - 1 : 0]}
	if [[ $cur == --?*=* ]]; then
		prev=${cur%%=*}
		cur=${cur#*=}
	fi
}

# _msharearena_files [-d]: complete $cur as the path of a file, or of a folder
_msharearena_files()
{
	if declare -F _filedir >/dev/null; then
		_filedir "$@"
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen "${1--f}" -- "$cur")
	fi
}

# _msharearena_value PROGRAM OPTION: complete $cur as the value of the option
_msharearena_value()
{
	local argument

	argument=$("$1" --help 2>/dev/null | sed -n "s/^ *\(-., \)\{0,1\}$2=\([^ ]*\).*/\2/p")
	case $argument in
	DIR) _msharearena_files -d ;;
	FILE | PATH) _msharearena_files ;;
	USER) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	GROUP) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
	NAME=PATH)
		[[ $cur == *=* ]] || return
		cur=${cur#*=}
		_msharearena_files
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

# _msharearena_ask PROGRAM WORD...: ask the arenad that the command line names, which has to answer at once
_msharearena_ask()
{
	local i value target=()

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--region=* | --runtime-dir=*) target+=("${words[i]}") ;;
		--region | --runtime-dir)
			value=${words[i + 1]}
			[[ $value != = ]] || value=${words[i + 2]}
			target+=("${words[i]}=$value")
			;;
		esac
	done
	"$@" --json --timeout=1 "${target[@]}" 2>/dev/null
}

# _msharearena_offer: complete $cur as one of the lines that are read
_msharearena_offer()
{
	local line begun=

	# readline has a word of its own behind a colon, and replaces that one alone.
	[[ $COMP_WORDBREAKS != *:* || $cur != *:* ]] || begun=${cur%"${cur##*:}"}
	while IFS= read -r line; do
		printf -v line %q "$line"
		[[ $line != "$cur"* ]] || COMPREPLY+=("${line#"$begun"}")
	done
}

# _msharearena_object PROGRAM VERB: complete $cur as what arenactl can do that to; false if nobody knows that
_msharearena_object()
{
	# A name that JSON has in another way than people do is not offered.
	case $2 in
	"exports drain" | "exports admit" | "exports remove")
		_msharearena_offer < <(_msharearena_ask "$1" exports | grep -o '{"name":"[^"\\]*"' |
			sed 's/.*:"\(.*\)"/\1/')
		;;
	"peers remove")
		_msharearena_offer < <(_msharearena_ask "$1" peers | grep -o '"networks":\[[^]]*\]' |
			grep -o '"[^"]*/[^"]*"' | tr -d '"')
		;;
	*) return 1 ;;
	esac
}

_msharearena()
{
	# shellcheck disable=SC2034 # set by _init_completion
	local cur prev words cword split

	if declare -F _init_completion >/dev/null; then
		_init_completion -s -n : || return
	else
		_msharearena_split
	fi
	if [[ $prev == --* ]] && "$1" --help 2>/dev/null | grep -q -- "$prev=[^ ]"; then
		_msharearena_value "$1" "$prev"
		return
	fi
	# arenactl has words that are no options. No program does anything if it gets this one.
	if [[ $cur != -* && ${1##*/} == arenactl && $cword -gt 1 ]]; then
		if [[ $cword -gt 3 && "${words[*]:cword-3:2}" == "exports add" ]]; then
			_msharearena_files
		elif ! _msharearena_object "$1" "${words[*]:cword-2:2}"; then
			_msharearena_words "$1" "$prev" "?"
		fi
		return
	fi
	if [[ $cur != -* ]]; then
		_msharearena_words "$1" "?"
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null |
		sed -nE 's/^ +(-., )?(--[a-z-]+=?).*/\2/p')" -- "$cur")
	[[ ${COMPREPLY-} != *= ]] || compopt -o nospace
}
complete -F _msharearena arenad arenactl arena-metrics arena-np arena-sp
