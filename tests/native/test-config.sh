#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what files of options say counts as on the command line, later ones override earlier ones
# and the command line overrides all; each error is told with its file and line, all of them at
# once; and what --print-config prints has the same effect as what it was made of.
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

config=$tmp/node.conf
mkdir "$config.d"

# try ARGUMENT...: run arenad with the file; its output goes to $tmp/out and $tmp/log
# The line that says what to do about errors is in $tmp/remedy, the others in $tmp/log.
try()
{
	local status=0

	"$BUILD/arenad" --config "$config" "$@" >"$tmp/out" 2>"$tmp/all" || status=$?
	grep "^Correct that; " "$tmp/all" >"$tmp/remedy"
	grep -v "^Correct that; " "$tmp/all" >"$tmp/log"
	return "$status"
}

# effect ARGUMENT...: what counts, without the defaults
effect() { try --print-config "$@" && grep -v '^#' "$tmp/out"; }

# refused MESSAGE LINE...: a file that begins as good() and has these lines is refused
refused()
{
	{ good; printf '%b\n' "${@:2}"; } >"$config"
	is_refused "$1"
}

# is_refused MESSAGE: the file is refused with this message
is_refused()
{
	try --check-config
	is "a file is refused with status 2: $1" $? 2
	ok "its error is told, with the line: $1" grep -qxF "arenad: $config$1" "$tmp/log"
	is "one line says what to do about it" "$(wc -l <"$tmp/remedy")" 1
}

# good: the beginning of a file that needs no more than an export
good() { printf '[arenad]\nregion = r\nlisten = 127.0.0.1:0\n'; }

good >"$config"
cat >>"$config" <<-END
	; another comment
	listen = unix:$tmp/socket
	size = 64M
	iopoll = yes
	verbose = no

	[export two words]
	disk = /dev/zero
	description = a = b # not a comment
	read-only = yes
	allow = 10.0.0.0/8
	allow = unix
	limit = iops=5
	[export %C3%A4]
	disk = /dev/null
END
try --check-config
is "a good file is accepted" "$? $(cat "$tmp/out" "$tmp/log")" "0 ok"
is "all of a file counts" "$(effect)" "[arenad]
region = r
size = 64M
iopoll = yes
verbose = no
listen = 127.0.0.1:0
listen = unix:$tmp/socket

[export two words]
disk = /dev/zero
read-only = yes
limit = iops=5
description = a = b # not a comment
allow = 10.0.0.0/8
allow = unix

[export %C3%A4]
disk = /dev/null"

mv "$tmp/out" "$tmp/printed"
ok "what was not set is printed as a comment, with its value" \
	grep -q '^# idle-timeout = 0$' "$tmp/printed"
"$BUILD/arenad" --config "$tmp/printed" --print-config >"$tmp/again" 2>&1
ok "what is printed has the effect of what it was made of" cmp "$tmp/printed" "$tmp/again"

# The command line, and names that a file can just have.
"$BUILD/arenad" --config none --region=r --listen='*:1' --listen='[::1]:2' --disk '[x]]=/a' \
	--disk '#y=/b' --description '#y=;"' --read-only '[x]]' --no-fixed-buffers --tls allow \
	--tls-psk /p --print-config >"$tmp/printed" 2>&1
"$BUILD/arenad" --config "$tmp/printed" --print-config >"$tmp/again" 2>&1
ok "what is printed of a command line has the effect of this" cmp "$tmp/printed" "$tmp/again"
is "an option without a value is printed as yes" \
	"$(grep -c '^no-fixed-buffers = yes$\|^read-only = yes$' "$tmp/again")" 2
# Each character that a name may have, as its only one, and at both ends.
all=() names=
for ((i = 1; i < 256; i++)); do
	printf -v c '\\x%x' "$i"
	printf -v c '%b' "$c"
	[[ $c == = || $i -ge 128 ]] || all+=("$c" "$c.$c")
done
all+=(ä '€' 'ä ä')
for ((i = 0; i < ${#all[@]}; i += 30)); do
	disks=()
	for name in "${all[@]:i:30}"; do
		disks+=(--disk "$name=/a")
	done
	"$BUILD/arenad" --config none --region=r --listen='*:1' "${disks[@]}" --print-config \
		>"$tmp/printed" 2>&1 &&
		"$BUILD/arenad" --config "$tmp/printed" --print-config >"$tmp/again" 2>&1 &&
		cmp -s "$tmp/printed" "$tmp/again" || names+=" $i"
done
is "names of all characters can be printed and read again" "$names" ""
"$BUILD/arenad" --config none --region=r --listen='*:1' --disk "$(printf '%0400d' 0)=/a" \
	--print-config >/dev/null 2>"$tmp/log"
is "a name that is too long for a file is not printed" \
	"$? $(head -n 1 "$tmp/log")" "2 arenad: --disk: the name is too long for a file"
"$BUILD/arenad" --config none --region=r --listen='*:1' --disk d=/a --description $'d=a\nb' \
	--print-config >/dev/null 2>"$tmp/log"
is "a value that a file cannot have is not printed, and it is said why" "$? $(head -n 1 "$tmp/log")" \
	"2 arenad: --description: a file cannot say this, as it has a line break or another control character"

printf '[arenad]\nsize = 32M\nlisten = 127.0.0.1:7\niopoll =\n[export %%C3%%A4]\ndisk = /b\n' \
	>"$config.d/9.conf"
printf '[arenad]\nsize = 16M\n[export two words]\nallow =\n[export c]\ndisk = /c\n' \
	>"$config.d/10.conf"
echo nonsense >"$config.d/README"
echo nonsense >"$config.d/.hidden.conf"
is "the files of the folder override, in the order of their names" "$(effect)" "[arenad]
region = r
size = 32M
verbose = no
listen = 127.0.0.1:7

[export two words]
disk = /dev/zero
read-only = yes
limit = iops=5
description = a = b # not a comment

[export c]
disk = /c

[export %C3%A4]
disk = /b"
is "the command line overrides files" \
	"$(effect --size 8M --listen 127.0.0.1:8 --disk ä=/x --limit c=iops=9 |
		grep '^size\|^listen\|^disk\|^limit')" "size = 8M
listen = 127.0.0.1:8
disk = /dev/zero
limit = iops=5
disk = /c
limit = iops=9
disk = /x"
echo '[arenad' >"$config.d/10.conf"
try --check-config
is "an error in a file of the folder has its name" "$? $(cat "$tmp/log")" \
	"2 arenad: $config.d/10.conf:1: No closing bracket."
rm -r "$config.d"

refused ":4: tls: on is none of off, allow, require" 'tls = on'
refused ":4: tls: allow needs --tls-certificates or --tls-psk" \
	'tls = allow' '[export d]' 'disk = /d'
refused ":4: size: 3145728 is not a multiple of --page-size" \
	'size = 3M' 'page-size = 2M' '[export d]' 'disk = /d'
refused ":4: no-such: there is no such option" 'no-such = 1'
refused ":4: replace: this is for the command line only" 'replace = yes'
refused ":4: verbose: true is neither yes nor no" 'verbose = true'
refused ":4: limit: this belongs to a section [export NAME]" 'limit = iops=1'
refused ":4: region: this was said in line 2" 'region = again'
refused ":4: Equal sign is missing." 'just words'
refused ":4: Property name is missing." '= 5'
refused ":4: Section name is missing." '[]'
refused ":5: nps: this belongs to the section [arenad]" '[export d]' 'nps = 1'
refused ":5: allow: there is no export d" '[export d]' 'allow = unix'
refused ":6: Duplicate section is not allowed." '[export d]' 'disk = /d' '[Export D]'
refused ":6: allow: here is none of NETWORK/BITS, ADDRESS, unix, x509:NAME, psk:NAME" \
	'[export d]' 'disk = /d' 'allow = here'
sections="sections are [arenad] and [export NAME], with a NAME that has %XX for special characters"
sections+=", and no equals sign"
for name in %4 %xx %00 %3D; do
	refused ":4: [export $name]: $sections" "[export $name]" 'disk = /d'
done
ascii="a section or key has a character other than those of ASCII, or !"
refused ":4: $ascii" '[export ä]'
refused ":4: $ascii" 'ä = 5'
refused ":4: $ascii" '[export a!]'
refused ":4: [other]: $sections" '[other]' 'disk = /d'
refused ":4: [export a=b]: $sections" '[export a=b]' 'disk = /d'
refused ":4: [other]: $sections" '[other]'
refused ":6: [Other]: $sections" '' '# [other]' '[ Other ]' 'disk = /d' 'limit = 5'
is "it is told once" "$(grep -c sections "$tmp/log")" 1
refused ": disk is needed"
refused ":4: there is a zero byte: the file has to be text in UTF-8" 'tls = \0off'
refused ":5: this is no text in UTF-8: convert the file, as by iconv" 'tls = off' 'tls-psk = \xff'
refused ":4: there are blanks in front of a section: begin the line with the bracket" '  [export d]'
{ printf '\xef\xbb\xbf'; good; } >"$config"
is_refused ":1: the file begins with a byte order mark: save it as UTF-8 without that"
{ printf '\n# none\nsize = 4M\nnps = 1\n'; good; } >"$config"
is_refused ":3: this belongs to no section: write the section, in brackets, above it"
is "the lines behind it are not told of" "$(wc -l <"$tmp/log")" 1
{ good; seq -f 'x%g = 1' 20000; } >"$config"
try --check-config
is "a file with too many values is refused, and the line is told" "$(grep -v such "$tmp/log")" \
	"arenad: $config:20002: there are too many values"
{ printf '[arenad]\n'; seq -f '[export e%g]' 1024; } >"$config"
try --check-config
ok "a file with too many sections is refused, and the line is told" \
	grep -qxF "arenad: $config:1025: there are too many sections" "$tmp/log"
mkdir "$config.d"
{ good; printf '%s\n' '[export d]' 'disk = /d'; } >"$config"
printf '%s\n' '[arenad]' 'size = 4M' 'listen =' >"$config.d/50-x.conf"
try --check-config
is "an empty value that is in the way is told with its own file and line" "$? $(cat "$tmp/log")" \
	"2 arenad: $config.d/50-x.conf:3: listen: this empty value takes back what was said before it, and one is needed"
rm -r "$config.d"
head -c 1048577 /dev/zero | tr '\0' '#' >"$config"
is_refused ": the file is larger than 1 MiB"
rm "$config"
mkdir "$config"
try --check-config
is "a folder is no file" "$? $(cat "$tmp/log")" "2 arenad: $config: Is a directory"
rmdir "$config"
try --check-config
is "a file that is named has to be there" \
	"$? $(cat "$tmp/log")" "2 arenad: $config: No such file or directory"

# Errors of all kinds, at once.
{ good; printf '%s\n' nps=0 nps=1 x=1 '[export d]' limit=1; } >"$config"
try --check-config --idle-timeout x
is "all errors of a file and of the command line are told, in the order of the lines" \
	"$? $(cut -d' ' -f2- <"$tmp/log")" "2 $(cat <<-END
		$config:4: nps: 0 is not a number from 1 to 16
		$config:5: nps: this was said in line 4
		$config:6: x: there is no such option
		$config:8: limit: there is no export d
		$config: disk is needed
		--idle-timeout: x is not a number from 0 to 86400
	END
	)"
{ good; seq -f 'x%g = 1' 30; } >"$config"
try --check-config
is "no more than 20 errors are told" "$(wc -l <"$tmp/log") $(tail -n 1 "$tmp/log")" \
	"21 arenad: there are more errors, which are not shown"

# A pipe is read to its end, but nobody waits for one whose writer says nothing.
mkfifo "$tmp/pipe"
{ good; sleep 1; printf '[export d]\ndisk = /dev/null\n'; } >"$tmp/pipe" &
"$BUILD/arenad" --config "$tmp/pipe" --check-config >"$tmp/out" 2>"$tmp/log" 3<>"$tmp/pipe" &
wait "$!"
is "a pipe that somebody keeps open is refused" "$? $(head -n 1 "$tmp/log")" \
	"2 arenad: $tmp/pipe: it was not read to its end within 5 seconds"
wait
is "a pipe whose writer ends is read" "$("$BUILD/arenad" --check-config --config <(good
	sleep 1
	printf '[export d]\ndisk = /dev/null\n') 2>&1)" ok

# A line of any length.
long=$(printf '%0100000d' 0)
{ good; echo "[export ${long:0:300}]"; echo "disk = /$long"; } >"$config"
is "lines may be long" "$(effect | tail -n 2 | md5sum)" \
	"$(printf '[export %s]\ndisk = /%s\n' "${long:0:300}" "$long" | md5sum)"

# The example of the package, without its users, who need not be there.
sed 's/^#\([[a-z]\)/\1/; /-user = /d' user/dist/arenad.conf >"$config"
try --check-config
is "the example of the package is right" "$? $(cat "$tmp/out" "$tmp/log")" "0 ok"
sed '/-user = /d' user/dist/arenad.conf >"$config"
try --check-config
is "the example says nothing before it is changed" "$? $(sort "$tmp/log" | head -n 1)" \
	"2 arenad: $config: disk is needed"

# The daemons with it.
{
	printf '[arenad]\nregion = test%s\nlisten = 127.0.0.1:0\nsize = 256M\n' $$
	printf 'backend = %s\nhold = 0\n' "$backend"
	printf '[export d]\ndisk = %s\nread-only = yes\n' "$(disk d 4M)"
	printf '[export e]\ndisk = %s\ndescription = the second\n' "$(disk e 8M)"
} >"$config"
daemon "$BUILD/arenad" --config "$config" --nps "$NPS"
ok "arenad serves what a file says" wait_for 60 grep -q '^ready ' "$tmp/log"
uri=nbd://$(sed -n 's/^ready \([^ ]*\).*/\1/p' "$tmp/log")
is "its exports are those of the file" "$(nbdinfo --size "$uri/d") $(nbdinfo --size "$uri/e")" \
	"4194304 8388608"
ok "its options are those of the file" nbdinfo --is read-only "$uri/d"
kill "$daemon"
wait_for 20 gone "$daemon"
done_testing
