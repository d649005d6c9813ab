#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the examples are small and work: pair.c, whose writer writes what the reader reads,
# and disk.c, whose server gives a client what the owner reads. Whatever goes wrong, the
# death of either process too, ends both and is reported.
# Method: pair: files of sizes around a block's, read to the end or from a pipe that nobody
# empties, so that the processes are at work when they are killed. disk: a client of bash.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires pgrep

pair=$BUILD/examples/pair
disk=$BUILD/examples/disk
block=32768

# same SIZE: a file of so many bytes arrives
same()
{
	head -c "$1" /dev/urandom >"$tmp/file"
	"$pair" "$tmp/file" >"$tmp/copy" && cmp "$tmp/file" "$tmp/copy"
}

# begin: a pair that has more to write than the pipe at fd 3 takes; $reader, $writer
begin()
{
	mkfifo "$tmp/pipe"
	"$pair" "$tmp/long" >"$tmp/pipe" 2>"$tmp/said" &
	reader=$!
	exec 3<"$tmp/pipe"
	rm "$tmp/pipe"
	# The writer is writing when something has come.
	head -c 1 <&3 >"$tmp/first"
	wait_for 10 pgrep -P "$reader" >"$tmp/children"
	writer=$(pgrep -P "$reader")
	at_exit end_process "$writer"
	at_exit end_process "$reader"
}

# said LINE: on standard error, by either process
said()
{
	grep -qxF "$1" "$tmp/said" || { cat "$tmp/said"; return 1; }
}

ok "pair.c has less than 100 lines" test "$(wc -l <examples/pair.c)" -lt 100
for size in 0 1 $((block - 1)) $block $((block + 1)) 3000001; do
	ok "pair: a file of $size bytes arrives" same "$size"
done

"$pair" "$tmp/none" >"$tmp/copy" 2>"$tmp/said"
is "pair: status for a file that is missing" $? 1
ok "pair says that it is missing" said "pair: $tmp/none: No such file or directory"
"$pair" 2>"$tmp/said"
is "pair: status for no file" $? 2
ok "pair says its usage" said "pair: usage: pair FILE"
"$pair" "$tmp" >"$tmp/copy" 2>"$tmp/said"
is "pair: status for a file that cannot be read" $? 1
ok "the reader says why it cannot be read" said "pair: reading: Is a directory"
ok "the writer sees the reader's end" wait_for 10 said "pair: waiting for the reader: Owner died"

truncate -s 8M "$tmp/long"
begin
kill -KILL "$writer"
wait "$reader"
is "pair: status when the writer is killed" $? 1
ok "the reader reports what is lost" said "pair: the writer failed and had 8 buffers"
exec 3<&-

begin
kill -KILL "$reader"
{ wait "$reader"; } 2>/dev/null
cat <&3 >/dev/null
ok "the writer sees that the reader was killed" \
	wait_for 10 said "pair: waiting for the reader: Owner died"
ok "and ends" wait_for 10 gone "$writer"
exec 3<&-

# serve: a disk at work, and its client's connection at fd 4; $owner, $server
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

# ask LINE: $answer is the first line of what comes
ask()
{
	echo "$1" >&4
	read -r -t 10 answer <&4
}

# reads OFFSET LENGTH COUNT: so many bytes come, and they are the file's
reads()
{
	ask "READ $1 $2"
	[ "$answer" = "OK $3" ] || { echo "$answer"; return 1; }
	head -c "$3" <&4 >"$tmp/got"
	tail -c "+$(($1 + 1))" "$tmp/file" | head -c "$3" | cmp - "$tmp/got"
}

head -c 100000 /dev/urandom >"$tmp/file"
serve
ok "disk: the first bytes" reads 0 100 100
ok "disk: a whole block" reads 4096 $block $block
ok "disk: bytes across the end" reads 99990 100 10
ok "disk: bytes behind the end" reads 200000 100 0
ok "disk: no aligned place" reads 12345 6789 6789
ask "READ 0 $((block + 1))"
is "disk: more than a block is refused" "$answer" "ERROR Invalid argument"
ask "READ 0 0"
is "disk: no bytes are refused" "$answer" "ERROR Invalid argument"
ask "READ 18446744073709551615 1"
is "disk: an offset that no file has is refused" "$answer" "ERROR Invalid argument"
ask "WRITE 0 1"
is "disk: another command is refused" "$answer" "ERROR Invalid argument"
ok "disk: the next command is served" reads 0 $block $block
exec 4<&-
wait "$owner"
is "disk: status when the client has gone" $? 0
is "disk: nothing is reported then" "$(cat "$tmp/said")" ""

serve
ok "disk: bytes before a death" reads 0 100 100
kill -KILL "$server"
wait "$owner"
is "disk: status when the server is killed" $? 1
ok "the owner reports that the server had returned all buffers" \
	said "disk: the server failed and had 0 buffers"
exec 4<&-

serve
kill -KILL "$owner"
{ wait "$owner"; } 2>/dev/null
echo "READ 0 100" >&4
ok "the server sees that the owner was killed" \
	wait_for 10 said "disk: waiting for the owner: Owner died"
ok "and ends, too" wait_for 10 gone "$server"

"$disk" "$tmp/none" 2>"$tmp/said"
is "disk: status for a file that is missing" $? 1
"$disk" 2>"$tmp/said"
is "disk: status for no file" $? 2
ok "disk says its usage" said "disk: usage: disk FILE"
done_testing
