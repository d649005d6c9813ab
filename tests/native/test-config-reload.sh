#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad reads its files again on SIGHUP, puts limits of exports and their rules in use, and
# says what of them waits for SIGUSR2 or for a new start; one that is broken changes nothing,
# neither then, nor on SIGUSR2, nor when the processes are to be adopted; and options of a file that
# has changed count as those of another command line.
# timeout: 300
# shellcheck disable=SC2154 # next_status is set by adopt-lib.sh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
# shellcheck source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires nbdinfo psktool

config=$tmp/node.conf
psktool --username carol --pskfile "$tmp/keys" >/dev/null 2>&1
common=(--config "$config" --disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)")

# write LINE...: the file has these lines, and those for TLS
write() { printf '%s\n' '[arenad]' 'tls = allow' "tls-psk = $tmp/keys" "$@" >"$config"; }

# after SIGNAL TEXT: send the signal; the log, which is emptied before, gets the text
after()
{
	: >"$tmp/log"
	kill "-$1" "$arenad_pid"
	wait_for 30 says "$2" >/dev/null || says "$2"
}

# changed: print the lines of the log that name options
changed() { sed -n 's/.*reload: these options have changed, and stay as they were: //p' "$tmp/log"; }

# is_read_only: does an export say so to a new client?
is_read_only() { nbdinfo --is read-only "nbd://$address/one"; }

unchanged() { [ "$(workers)" = "$before" ] && still_served; }

kept="reload: all options, and the files of TLS, stay in use as they were"
taken="reload: $tmp/keys read again and handed to"

write 'idle-timeout = 600'
adopt_start "${common[@]}"
before=$(workers)
ok "SIGHUP reads the files of TLS again" after HUP "$taken"
is "SIGHUP names no option if none has changed" "$(changed)" ""

write 'idle-timeout = 600' nonsense
ok "SIGHUP changes nothing if a file is broken" after HUP "$kept"
ok "SIGHUP names the line that is broken" says "reload: $config:5: Equal sign is missing."
ok "the processes serve on after SIGHUP" unchanged
ok "SIGUSR2 changes nothing if a file is broken" after USR2 "this arenad goes on, and nothing was changed"
ok "SIGUSR2 names the line that is broken" says "arenad: $config:5: Equal sign is missing."
ok "the processes serve on after SIGUSR2" unchanged
kill_arenad
arenad_next "${common[@]}"
is "an arenad whose file is broken adopts nothing and ends with status 2" "$next_status" 2
ok "the processes serve on without an arenad" unchanged

write 'idle-timeout = 600'
arenad_start "${common[@]}"
ok "the next arenad with the same file adopts the processes" unchanged
is "it does not warn, as its options are the same" "$(grep -c 'each keeps its options' "$tmp/log")" 0
kill_arenad
write 'idle-timeout = 700'
arenad_start "${common[@]}"
ok "an arenad whose file has changed adopts the processes" unchanged
ok "it warns that the processes keep their options" says "each keeps its options until it is started again"
kill_arenad
write 'np-buffers = 512'
arenad_next "${common[@]}"
is "an arenad whose file has another number of buffers ends with status 1" "$next_status" 1
ok "it names the option" says "this arenad has --np-buffers 512"
ok "the processes serve on with their number of buffers" unchanged
write 'idle-timeout = 700'
arenad_start "${common[@]}"

write 'np-buffers = 512' '[export one]' 'limit = iops=5'
ok "SIGHUP reads the files of TLS again if options have changed" after HUP "$taken"
is "one line names all options that need a new start" "$(changed)" \
	"--idle-timeout --np-buffers; stopping arenad and starting it puts them in use"
ok "SIGUSR2 is refused with such options" after USR2 "this arenad goes on, and nothing was changed"
ok "SIGUSR2 names the option that does not fit" says "this arenad has --np-buffers 512"
ok "the processes serve on after SIGUSR2 was refused" unchanged

# Limits change at once. A file of options may say nothing else that is in use then.
write 'idle-timeout = 700' '[export one]' 'limit = iops=1' '[export two]' 'limit = connections=1'
after HUP "the limit of export 'two' is now: connections=1"
ok "SIGHUP says which limit has changed" says "the limit of export 'one' is now: iops=1"
ok "the processes serve on with their new limits" unchanged
is "SIGHUP names no option if only limits have changed" "$(changed)" ""
enter one
for i in {1..200}; do
	ask "$fd" 0 2 1
done
waits() { counters_refresh; [ "$(counter 'arena-sp 0' limited)" -gt 100 ]; }
ok "requests wait for a limit that has come by SIGHUP" wait_for 60 waits
slow=$fd
enter two
not_ok "a second client is refused by a limit that has come by SIGHUP" nbdinfo "nbd://$address/two"
killed=$(process_of arena-sp 1)
kill -KILL "$killed"
is_back() { [ "$(process_of arena-sp 1)" != "$killed" ] && letter_of "$fd" 1 >/dev/null; }
ok "the successor of a storage process serves" wait_for 60 is_back
not_ok "the successor of a storage process has the new limit, too" nbdinfo "nbd://$address/two"
kill_arenad
arenad_start "${common[@]}"
is "the next arenad does not warn, as the limits were in use" \
	"$(grep -c 'each keeps its options' "$tmp/log")" 0
write 'idle-timeout = 700'
after HUP "the limit of export 'one' is now: none"
# At one request a second they would take three minutes.
is "200 requests that waited are done when the limit is gone" \
	"$(timeout 60 head -c $((17 * 200)) <&"$slow" | wc -c)" $((17 * 200))
ok "a second client is served when the limit of clients is gone" nbdinfo "nbd://$address/two"
exec {slow}>&- {fd}>&-

# So do the rules of who may use an export. Clients that are there stay.
is_served() { nbdinfo "nbd://$address/$1" >/dev/null 2>&1; }
is_refused() { nbdinfo "nbd://$address/$1" 2>&1 | grep -q "no such export"; }
# is_refused_by NP: does that network process refuse a client of the export "one"?
is_refused_by()
{
	np_of_last >"$tmp/np"
	is_refused one && np_of_last >"$tmp/np" && [ "$(cat "$tmp/np")" = "$1" ]
}
fence_seen=()
enter one
write 'idle-timeout = 700' '[export one]' 'allow = 192.0.2.0/24' 'allow = 2001:db8::/32'
after HUP "the rules of export 'one' are now: 192.0.2.0/24, 2001:db8::/32"
is "SIGHUP names no option if only rules have changed" "$(changed)" ""
ok "a client is refused by rules that have come by SIGHUP" wait_for 20 is_refused one
for np in 0 1; do
	ok "and by the network process $np" wait_for 60 is_refused_by "$np"
done
ok "clients of another export are served" is_served two
ask "$fd" 0 2 1
is "a client that was there before is served on" "$(timeout 60 head -c 17 <&"$fd" | wc -c)" 17
exec {fd}>&-
write 'idle-timeout = 700' '[export one]' 'allow = nonsense'
ok "a rule that is wrong changes nothing" after HUP "$kept"
ok "the rules of before are in use then" is_refused one
killed=$(process_of arena-np 0)
kill -KILL "$killed"
np_is_back() { [ "$(process_of arena-np 0)" != "$killed" ] && is_served two; }
ok "the successor of a network process serves" wait_for 60 np_is_back
ok "it has the new rules, too" wait_for 60 is_refused_by 0
write 'idle-timeout = 700' '[export one]' 'allow = 192.0.2.0/24' 'allow = 2001:db8::/32'
kill_arenad
arenad_start "${common[@]}"
is "the next arenad does not warn, as the rules were in use" \
	"$(grep -c 'each keeps its options' "$tmp/log")" 0
ok "a client is refused after the adoption, too" is_refused one
# A network process that is stopped gets them when it goes on.
kill -STOP "$(process_of arena-np 1)"
write 'idle-timeout = 700'
after HUP "the export 'one' has no rules now: everybody may use it"
kill -CONT "$(process_of arena-np 1)"
ok "a client is served when there are no rules any more" wait_for 20 is_served one
never_refused() { local i; for i in {1..8}; do is_served one || return; done; }
ok "by each network process" wait_for 20 never_refused

write 'idle-timeout = 700' '[export one]' 'read-only = yes'
ok "SIGHUP reads the files of TLS again if SIGUSR2 is enough" after HUP "$taken"
is "one line names the option that needs SIGUSR2" "$(changed)" \
	"--read-only (export 'one'); 'arenactl upgrade' puts them in use"
not_ok "the export is not read-only before SIGUSR2" is_read_only
after USR2 "has adopted region test and 4 processes"
ok "all processes are replaced on SIGUSR2" wait_for 60 are_replaced "$NPS" 2
ok "the export is read-only after SIGUSR2" is_read_only
ok "SIGHUP reads the files of TLS again after SIGUSR2" after HUP "$taken"
is "SIGHUP names no option after SIGUSR2" "$(changed)" ""
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
