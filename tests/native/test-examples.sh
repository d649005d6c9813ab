#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the examples are short and work. In pair.c the writer prints the file that the
# reader reads, in disk.c the server sends a client the bytes that the owner reads. An
# error in either process, or its death, ends both and is reported.
# Method: pair copies files whose sizes are around that of a block. For deaths it writes
# to a pipe that nobody empties, so that the processes are at work when they are killed.
# The client of disk is this shell.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires pgrep

pair=$BUILD/examples/pair
disk=$BUILD/examples/disk
block=32768

# same SIZE: pair copies a file of that size correctly
same()
{
	head -c "$1" /dev/urandom >"$tmp/file"
	"$pair" "$tmp/file" >"$tmp/copy" && cmp "$tmp/file" "$tmp/copy"
}

# begin: start a pair that has more to write than the pipe at descriptor 3 holds; sets
# $reader and $writer
begin()
{
	mkfifo "$tmp/pipe"
	"$pair" "$tmp/long" >"$tmp/pipe" 2>"$tmp/said" &
	reader=$!
	exec 3<"$tmp/pipe"
	rm "$tmp/pipe"
	# The writer is at work once a byte has arrived.
	head -c 1 <&3 >"$tmp/first"
	wait_for 10 pgrep -P "$reader" >"$tmp/children"
	writer=$(pgrep -P "$reader")
	at_exit end_process "$writer"
	at_exit end_process "$reader"
}

# said LINE: true if either process printed that line to standard error
said()
{
	grep -qxF "$1" "$tmp/said" || { cat "$tmp/said"; return 1; }
}

ok "pair.c has fewer than 100 lines" test "$(wc -l <examples/pair.c)" -lt 100
for size in 0 1 $((block - 1)) $block $((block + 1)) 3000001; do
	ok "pair copies a file of $size bytes" same "$size"
done

"$pair" "$tmp/none" >"$tmp/copy" 2>"$tmp/said"
is "pair ends with status 1 if the file is missing" $? 1
ok "pair says that the file is missing" said "pair: $tmp/none: No such file or directory"
"$pair" 2>"$tmp/said"
is "pair ends with status 2 without an argument" $? 2
ok "pair prints its usage without an argument" said "pair: usage: pair FILE"
"$pair" "$tmp" >"$tmp/copy" 2>"$tmp/said"
is "pair ends with status 1 if the file cannot be read" $? 1
ok "pair's reader says why the file cannot be read" said "pair: reading: Is a directory"
ok "pair's writer notices that the reader has ended" \
	wait_for 10 said "pair: waiting for the reader: Owner died"

truncate -s 8M "$tmp/long"
begin
kill -KILL "$writer"
wait "$reader"
is "pair ends with status 1 if the writer is killed" $? 1
ok "pair's reader reports the buffers that the killed writer had" \
	said "pair: the writer failed and had 8 buffers"
exec 3<&-

begin
kill -KILL "$reader"
{ wait "$reader"; } 2>/dev/null
cat <&3 >/dev/null
ok "pair's writer notices that the reader was killed" \
	wait_for 10 said "pair: waiting for the reader: Owner died"
ok "pair's writer ends after the reader was killed" wait_for 10 gone "$writer"
exec 3<&-

# serve: start disk and connect to it at descriptor 4; sets $owner and $server
serve()
{
	"$disk" "$tmp/file" >"$tmp/port" 2>"$tmp/said" &
	owner=$!
	wait_for 10 grep -q port "$tmp/port"
	wait_for 10 pgrep -P "$owner" >"$tmp/children"
	server=$(pgrep -P "$owner")
	at_exit end_process "$server"
	at_exit end_process "$owner"
	exec 4<>"/dev/tcp/127.0.0.1/$(sed 's/port //' "$tmp/port")"
}

# ask LINE: send a command; $answer is the first line that comes back
ask()
{
	echo "$1" >&4
	read -r -t 10 answer <&4
}

# reads OFFSET LENGTH COUNT: the command READ gives COUNT bytes, and they are right
reads()
{
	ask "READ $1 $2"
	[ "$answer" = "OK $3" ] || { echo "$answer"; return 1; }
	head -c "$3" <&4 >"$tmp/got"
	tail -c "+$(($1 + 1))" "$tmp/file" | head -c "$3" | cmp - "$tmp/got"
}

head -c 100000 /dev/urandom >"$tmp/file"
serve
ok "disk sends the first bytes of the file" reads 0 100 100
ok "disk sends a whole block" reads 4096 $block $block
ok "disk sends the bytes up to the end if more are asked for" reads 99990 100 10
ok "disk sends no bytes from behind the end" reads 200000 100 0
ok "disk sends bytes from an unaligned offset" reads 12345 6789 6789
ask "READ 0 $((block + 1))"
is "disk refuses to read more than a block" "$answer" "ERROR Invalid argument"
ask "READ 0 0"
is "disk refuses to read 0 bytes" "$answer" "ERROR Invalid argument"
ask "READ 18446744073709551615 1"
is "disk refuses an offset that no file has" "$answer" "ERROR Invalid argument"
ask "WRITE 0 1"
is "disk refuses a command that it does not know" "$answer" "ERROR Invalid argument"
ok "disk serves a command after it refused others" reads 0 $block $block
exec 4<&-
wait "$owner"
is "disk ends with status 0 when its client has gone" $? 0
is "disk prints no error when its client has gone" "$(cat "$tmp/said")" ""

serve
ok "disk sends bytes before its server is killed" reads 0 100 100
kill -KILL "$server"
wait "$owner"
is "disk ends with status 1 if its server is killed" $? 1
ok "disk's owner reports that the killed server had returned all buffers" \
	said "disk: the server failed and had 0 buffers"
exec 4<&-

serve
kill -KILL "$owner"
{ wait "$owner"; } 2>/dev/null
echo "READ 0 100" >&4
ok "disk's server notices that the owner was killed" \
	wait_for 10 said "disk: waiting for the owner: Owner died"
ok "disk's server ends after the owner was killed" wait_for 10 gone "$server"

"$disk" "$tmp/none" 2>"$tmp/said"
is "disk ends with status 1 if the file is missing" $? 1
"$disk" 2>"$tmp/said"
is "disk ends with status 2 without an argument" $? 2
ok "disk prints its usage without an argument" said "disk: usage: disk FILE"
done_testing
