#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the smallest pair, examples/pair.c, is small and works: the NP writes what
# the SP reads; whatever goes wrong, a peer's death too, ends both and says why.
# Method: files of sizes around a block's, read to the end or from a pipe that nobody
# empties, so that the processes are at work when they are killed.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires pgrep

pair=$BUILD/examples/pair
block=32768

# same SIZE: a file of so many bytes arrives
same()
{
	head -c "$1" /dev/urandom >"$tmp/file"
	"$pair" "$tmp/file" >"$tmp/copy" && cmp "$tmp/file" "$tmp/copy"
}

# begin: a pair that has more to write than the pipe at fd 3 takes; $sp, $np
begin()
{
	mkfifo "$tmp/pipe"
	"$pair" "$tmp/long" >"$tmp/pipe" 2>"$tmp/said" &
	sp=$!
	exec 3<"$tmp/pipe"
	rm "$tmp/pipe"
	# The NP is writing when something has come.
	head -c 1 <&3 >"$tmp/first"
	np=$(pgrep -P "$sp")
	at_exit end_process "$np"
	at_exit end_process "$sp"
}

said()
{
	grep -qxF "pair: $1" "$tmp/said" || { cat "$tmp/said"; return 1; }
}

ok "it has less than 150 lines" test "$(wc -l <examples/pair.c)" -le 150
for size in 0 1 $((block - 1)) $block $((block + 1)) 3000001; do
	ok "a file of $size bytes" same "$size"
done

"$pair" "$tmp/none" >"$tmp/copy" 2>"$tmp/said"
is "a file that is missing: status" $? 1
ok "said" said "$tmp/none: No such file or directory"
"$pair" 2>"$tmp/said"
is "no file: status" $? 2
ok "usage" said "usage: pair FILE"
"$pair" "$tmp" >"$tmp/copy" 2>"$tmp/said"
is "what cannot be read: status" $? 1
ok "the SP says it" said "reading: Is a directory"
ok "the NP ends, too" wait_for 10 said "the SP has died"

truncate -s 8M "$tmp/long"
begin
kill -KILL "$np"
wait "$sp"
is "the NP is killed: status" $? 1
ok "what it had is lost" said "the NP failed and had 8 buffers"
exec 3<&-

begin
kill -KILL "$sp"
{ wait "$sp"; } 2>/dev/null
cat <&3 >/dev/null
ok "the SP is killed: the NP says it" wait_for 10 said "the SP has died"
ok "and ends" wait_for 10 gone "$np"
done_testing
