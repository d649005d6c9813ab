#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: bash completes every option of each program, and the words and files that options take.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# The script runs itself once more, without bash-completion, which not everybody has installed.
if [ -z "${WITHOUT-}" ]; then
	WITHOUT=1 "$0" >"$tmp/without" 2>&1
	is "all this is so without bash-completion" "$? $(grep -v '^\(ok\|1\.\.\)' "$tmp/without")" "0 "
fi
library=/usr/share/bash-completion/bash_completion
[[ -e $library || -n ${WITHOUT-} ]] || skip_all "needs bash-completion"
set +u
# shellcheck source=/dev/null
[ -n "${WITHOUT-}" ] || . "$library"
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
# In a terminal, readline makes words of their own of equals signs and colons.
split_line() { complete_line arenad --disk-backend = b; }
[ -z "${WITHOUT-}" ] ||
	is "the words of an option with an equals sign are completed in a terminal" "$(split_line)" block
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
is "commands whose names end a long list are completed" "$(complete_line arenactl st)" "status stop"
# An arenad that answers: arenactl asks it in JSON, with a limit.
mkdir "$tmp/bin"
cat >"$tmp/bin/arenactl" <<'EOF'
#!/bin/bash
case $* in
"exports --json --timeout=1 --region=r") echo '{"exports":[{"name":"of-r","disk":"/d"}]}' ;;
"exports --json --timeout=1")
	echo '{"exports":[{"name":"one","disk":"/dev/x"},{"name":"or two","disk":"d"},{"name":"q\"uote","disk":"d"}]}' ;;
"peers --json --timeout=1") echo '{"isFiltered":true,"networks":["10.0.0.0/8","fe80::/64"],"refused":[]}' ;;
*) exec arenactl "$@" ;;
esac
EOF
chmod 755 "$tmp/bin/arenactl"
for verb in drain admit remove; do
	is "exports that there are are completed for $verb" \
		"$(complete_line "$tmp/bin/arenactl" exports "$verb" o)" "one or two"
done
is "exports of the region that is named are completed" \
	"$(complete_line "$tmp/bin/arenactl" --region r exports drain '')" of-r
is "nothing is completed if no arenad answers" "$(complete_line arenactl exports drain '')" ""
is "peers that there are are completed" "$(complete_line "$tmp/bin/arenactl" peers remove 1)" 10.0.0.0/8
is "the rest of one with colons is, which are no ends of words" \
	"$(complete_line "$tmp/bin/arenactl" peers remove fe80::)" /64
COMPREPLY=() cur=or
_msharearena_offer <<<"or two"
is "a space in a name is quoted" "${COMPREPLY[*]}" "or\\ two"
is "nothing is completed where others are to be named" "$(complete_line "$tmp/bin/arenactl" peers add 1)" ""
touch "$tmp/only-this"
is "the path of a disk that is added is completed" \
	"$(complete_line arenactl exports add name "$tmp/only")" "$tmp/only-this"
is "the path of a disk is completed" "$(complete_line arenad --disk "d=$tmp/only")" "$tmp/only-this"
is "a user is completed" "$(complete_line arenad --np-user roo)" root
done_testing
