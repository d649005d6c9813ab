#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: network processes are replaced under load by others, and no client loses its connection or
# reads other data than it wrote. Clients that stand in the way are cut off within a time. A process
# whose successor cannot start, or ends, goes on.
# timeout: 300
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"
requires certtool

# Two processes, 200 clients at different places of the protocol, and eight that write and verify.
arenad_start --nps 2 --size 384M --disk "d0=$(disk d0 64M)" --disk "d1=$(disk d1 64M)"
stay_start d0 200 idle header payload idle
crowd_start load d1 8
for i in 1 2 3; do
	replace
	ok "replacement $i: both network processes are replaced" wait_for 60 replaced "$((2 * i))"
	ok "replacement $i: eight clients that write and verify go on" crowd_goes load 8
done
crowd_stop load
is "eight clients keep their connections, and read what they wrote" "$answer" "lost 0 wrong 0"
stay_stop
is "200 clients go on where they stopped three processes ago" "$answer" "good 200 lost 0 wrong 0"
is "no client was cut off" "$(said 'and this process is being replaced')" 0
pauses
arenad_stop
is "arenad ends with status 0 after six processes were replaced" "$status" 0

# Clients that hold the replacement up.
arenad_start --disk "d0=$(disk d0 64M)"
stay_start d0 3 handshake long refused
crowd_start load d0 1
unread_start d0
replace
ok "a process is replaced beside clients that end no handshake, no payload, and take no data" \
	wait_for 60 replaced 1
stay_stop
is "three clients that held the replacement up are cut off" "$answer" "good 0 lost 3 wrong 0"
unread_stop
is "the client that took no data sees a reset" "$answer" reset
is "the log counts four clients that were cut off" "$(counter arena-np handoff_cut)" 4
is "the log says of each of them why" "$(said 'and this process is being replaced')" 4
ok "a client that writes goes on" crowd_goes load 1
crowd_stop load
is "it has kept its connection" "$answer" "lost 0 wrong 0"
pauses
arenad_stop
is "arenad ends with status 0 after clients were cut off" "$status" 0

# TLS that the process seals itself cannot be handed over.
certificate authority authority ca cert_signing_key
certificate server authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder server authority server server
arenad_start --disk "d=$(disk d 64M)" --tls allow --tls-certificates "$tmp/server" --ktls never
secret_start secret NORMAL read ended
stay_start d 1 payload
replace
ok "a process is replaced beside a client of TLS" wait_for 60 replaced 1
ok "a client of TLS that the process seals is told that its connection ends" secret_stop secret
is "the log counts a client that was ended in good order" "$(counter arena-np handoff_closed)" 1
stay_stop
is "a client without TLS stays where TLS is allowed" "$answer" "good 1 lost 0 wrong 0"
secret_start secret NORMAL read read bye
ok "clients of TLS come to the new process" secret_stop secret
arenad_stop
is "arenad ends with status 0 after a client of TLS was ended" "$status" 0

# Executables that are of no use. The programs of the build are in a folder of the test.
mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"
arenad_start --disk "d0=$(disk d0 64M)" --bindir "$tmp/bin"
crowd_start load d0 4
install_np 'exit 1'
replace
ok "a program that ends at once replaces no process" wait_for 60 given_up 1
install_np 'exec sleep 600'
replace
ok "a program that does nothing is started" wait_for 30 child_is sleep
kill -KILL "$(pgrep -P "$arenad_pid" -x sleep)"
ok "a program that is killed before it is ready replaces no process" wait_for 60 given_up 2
rm "$tmp/bin/arena-np"
replace
ok "a program that is not there replaces no process" wait_for 60 given_up 3
printf '#undef HANDOFF_VERSION_%s\n#define HANDOFF_VERSION_%s 1000U\n' OLDEST OLDEST NEWEST NEWEST \
	>"$tmp/newer.h"
# newer_np: build an arena-np that takes connections over only from versions that are not there yet
newer_np()
{
	local flags

	read -ra flags <"$BUILD/obj/flags"
	"${flags[@]}" -include control/handoff.h -include "$tmp/newer.h" -c -o "$tmp/successor.o" \
		user/np/successor.c &&
		"${flags[@]}" -o "$tmp/bin/arena-np" "$BUILD/obj/user/np/main.o" "$tmp/successor.o" \
			-Wl,--start-group "$BUILD/obj/parts-np.a" "$BUILD"/obj/lib*.a \
			-Wl,--end-group -luring -lgnutls -lseccomp
}
ok "an arena-np is built that takes nothing over from this version" newer_np
replace
ok "a version that does not fit replaces no process" wait_for 60 given_up 4
ok "the process that runs says why" \
	says "its successor takes no connections over from this version"
cp "$BUILD/arena-np" "$tmp/bin"
unread_start d0
before=$(process_of arena-np 0)
replace
ok "a replacement waits for a client that takes no data" wait_for 30 says \
	"a process that takes the place of this one is ready"
kill -KILL "$(other_than "$before")"
ok "a process whose successor is killed before it has the connections goes on" \
	wait_for 60 given_up 5
ok "the clients go on after five replacements that failed" crowd_goes load 4
is "the process is still the same" "$(process_of arena-np 0)" "$before"
counters_refresh
is "the log counts the replacements that failed" "$(counter arena-np handoffs_given_up)" 5
unread_stop
replace
ok "a good program replaces the process after that" wait_for 60 replaced 1
crowd_stop load
is "no client has noticed that replacements failed" "$answer" "lost 0 wrong 0"

# A successor that ends when it has the connections.
crowd_start cut d0 2
replace
ok "the process is replaced again" wait_for 60 replaced 2
kill_process arena-np 0
ok "a successor that is killed when it has the connections is started again" \
	wait_for 30 says "arena-np 0 is started again"
crowd_start next d0 2
is "clients are served by the process after it" "$answer" ready
crowd_stop cut
is "the clients of the successor that was killed are cut off" "$answer" "lost 2 wrong 0"
crowd_stop next
is "the clients of the process after it go on" "$answer" "lost 0 wrong 0"
arenad_stop
is "arenad ends with status 0 after replacements that failed" "$status" 0
done_testing
