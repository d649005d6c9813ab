#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad is killed while it replaces a network process. Before the successor has the connections
# the process that runs goes on, and its clients see nothing. At any other moment new clients are
# served, and no client reads anything wrong. The next arenad adopts what runs, and replaces it.
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
requires nbdinfo

mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"

# deadly SECONDS: the next successor lets arenad be killed so long after its start; those after it do not
deadly()
{
	install_np "cp '$BUILD/arena-np' '$tmp/bin/good' && mv '$tmp/bin/good' '$tmp/bin/arena-np'
(sleep $1; kill -KILL \$PPID) &
exec '$BUILD/arena-np' \"\$@\""
}

# next_arenad: run the next arenad once this one is dead
next_arenad()
{
	wait_for 30 gone "$arenad_pid"
	wait "$arenad_pid" 2>/dev/null
	: >"$tmp/log"
	arenad_again
	wait_for 60 grep -q '^ready' "$tmp/out"
}

arenad_start --size 384M --disk "d0=$(disk d0 64M)" --disk "d1=$(disk d1 64M)" --bindir "$tmp/bin"
crowd_start load d0 4
before=$(process_of arena-np 0)
install_np "cp '$BUILD/arena-np' '$tmp/bin/good' && mv '$tmp/bin/good' '$tmp/bin/arena-np'
kill -KILL \$PPID
exec '$BUILD/arena-np' \"\$@\""
replace
ok "the next arenad adopts the processes" next_arenad
ok "the clients go on after arenad was killed before the successor had them" crowd_goes load 4
is "the process is still the same" "$(process_of arena-np 0)" "$before"
replace
ok "the next arenad replaces it" wait_for 60 replaced 1
crowd_stop load
is "the clients have noticed nothing" "$answer" "lost 0 wrong 0"

for seconds in 0.05 0.1 0.2 0.4; do
	crowd_start load d0 4
	deadly "$seconds"
	replace
	ok "arenad is killed $seconds s after the start of a successor, and the next one is ready" \
		next_arenad
	crowd_start next d1 2
	is "new clients are served then, $seconds s" "$answer" ready
	crowd_stop load
	ok "no client has read anything wrong, $seconds s" grep -q " wrong 0$" <<<"$answer"
	crowd_stop next
	is "the new clients go on, $seconds s" "$answer" "lost 0 wrong 0"
	ok "one network process runs, $seconds s" wait_for 30 are_started 3
done
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
