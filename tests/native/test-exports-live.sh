#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: exports are added and removed while arenad runs, by SIGHUP, and the clients of the others
# notice nothing; what cannot be done changes nothing; an export never gets what was written to the
# one that had its place; and the next arenad goes on with the exports as they are.
# timeout: 300
# shellcheck disable=SC2016,SC2034,SC2154 # for eval; for lib.sh: all disks are in the file
SPS=0
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
# shellcheck source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires nbdinfo nbdcopy

config=$tmp/node.conf
common=(--config "$config" --exports-max 3)
for name in a b c d; do
	disk "$name" 16M >/dev/null
	head -c 4096 /dev/zero | tr '\0' "$name" | dd of="$tmp/$name.img" conv=notrunc status=none
done

# write NAME...: the file has these exports, in this order
write()
{
	{
		printf '%s\n' '[arenad]'
		for name; do
			printf '%s\n' "[export $name]" "disk = $tmp/$name.img"
		done
	} >"$config"
}

# reload_says TEXT: arenad reads the file again, and the log, which is emptied before, gets the text
reload_says()
{
	: >"$tmp/log"
	kill -HUP "$arenad_pid"
	wait_for 30 says "$1" || says "$1"
}

first_byte() { nbdcopy "nbd://$address/$1" - 2>/dev/null | head -c 1; }
# serves NAME: do clients find the export, with its own disk? Each of both NPs is asked by some of them.
serves() { for _ in {1..4}; do [ "$(first_byte "$1")" = "$1" ] || return 1; done; }
lacks() { for _ in {1..4}; do ! nbdinfo "nbd://$address/$1" >/dev/null 2>&1 || return 1; done; }
sp_count() { [ "$(children arena-sp | wc -l)" = "$1" ]; }
# still_there FD: is the client of a served there?
still_there() { [ "$(letter_of "$1" 0)" = a ]; }
# is_cut_off FD: has the other end of the connection ended it?
is_cut_off() { timeout 30 cat <&"$1" >/dev/null; [ $? != 124 ]; }
unchanged() { [ "$(workers)" = "$before" ] && still_there "$client"; }

write a
arenad_start "${common[@]}"
enter_at a 0
client=$fd
before=$(workers)
ok "one export has one storage process, though there is room for three" sp_count 1
ok "it is served" serves a
is "clients find one export" "$(nbdinfo --list "nbd://$address" | grep -c '^export=')" 1
is "it is the default one" "$(first_byte '')" a

write a b
ok "an export is added" reload_says "reload: export 'b' is added: disk $tmp/b.img"
ok "it is served" wait_for 30 serves b
ok "and the first one is still served" serves a
ok "its client has noticed nothing" still_there "$client"
is "there is no default export now" "$(first_byte '')" ""

enter b
cut=$fd
write c a b
ok "another one is added in front of them" reload_says "reload: export 'c' is added"
ok "it is served" wait_for 30 serves c
ok "the others are what they were" eval "serves a && serves b"
before=$(workers)
write a b c d
ok "one more than there is room for is refused" reload_says "--exports-max: 3 are too few, as there are 4 exports"
ok "and all options stay as they were" says "stay in use as they were"
ok "nothing has changed" unchanged

# all_are_back: arenad reads the file until all that it names is served
all_are_back()
{
	kill -HUP "$arenad_pid"
	sleep 1
	serves a && serves b && serves c && sp_count 3
}

# Writes to b are under way when it is removed, and its process hangs.
hanging=$(process_of arena-sp 1)
kill -STOP "$hanging"
ask_write "$cut" 0 x
write c a
ok "an export is removed" reload_says "reload: export 'b' is removed, and its clients are cut off"
write c a d
ok "its place is taken as long as its process is there" reload_says "there is no room for export 'd'"
ok "its client is cut off" is_cut_off "$cut"
exec {cut}>&-
ok "clients do not find it any more" wait_for 30 lacks b
ok "the others are served meanwhile" eval "serves a && serves c && still_there $client"
kill -KILL "$(np 1)"
np_is_back() { [ "$(children arena-np | wc -l)" = 2 ] && np_of_last >/dev/null && enter_at a 1; }
ok "a network process that is started meanwhile serves, too" wait_for 20 np_is_back
ok "a process that does not end is killed" wait_for 40 gone "$hanging"
# was_added NAME: read the file until there is room for the export
was_added()
{
	kill -HUP "$arenad_pid"
	sleep 1
	says "reload: export '$1' is added"
}
ok "then another export can have its place" wait_for 60 was_added d
ok "it is served, and has nothing of what was written to the other one" wait_for 30 serves d
is "nor has its disk" "$(head -c 1 "$tmp/d.img")" d
ok "the client of the first one has noticed nothing" still_there "$client"
if command -v arenactl >/dev/null; then
	is "arenactl has the exports that there are" \
		"$(arenactl exports --json | grep -o '"name":"."' | sort | xargs)" \
		"name:a name:c name:d"
	is "and one storage process for each" "$(arenactl status --json | grep -o '"role":"sp"' | wc -l)" 3
	ok "an export is drained" arenactl exports drain a
	ok "no further client finds it" wait_for 30 lacks a
	ok "the one that it has goes on" still_there "$client"
	ok "arenactl shows that" eval "arenactl exports | grep -q '^a  *drained '"
	kill -KILL "$(np 1)"
	restarted() { [ "$(children arena-np | wc -l)" = 2 ] && says "arena-np 1 is started again"; }
	ok "a network process dies and is started again" wait_for 30 restarted
	ok "the export is drained there, too" eval "sleep 1; lacks a"
	kill_arenad
	arenad_start "${common[@]}"
	# The processes are told of the exports once more.
	ok "it is still drained when arenad has died and the next one serves" eval \
		"sleep 2; lacks a && serves c && arenactl exports | grep -q '^a  *drained '"
	: >"$tmp/log"
	kill -USR2 "$arenad_pid"
	ok "and when arenad and all processes are replaced" wait_for 90 are_replaced 2 3
	ok "by which none finds it" eval "sleep 2; lacks a && serves d && still_there $client"
	ok "an export takes clients again" arenactl exports admit a
	ok "and is served" wait_for 30 serves a
	not_ok "an export that there is not cannot be drained" arenactl exports drain x
fi

write c a
printf '%s\n' '[export e]' "disk = $tmp/missing" >>"$config"
before=$(workers)
ok "an export whose disk is missing is refused" reload_says "cannot open disk $tmp/missing"
ok "and all options stay as they were, also that it was to be removed beside" eval \
	"says 'stay in use as they were' && serves d"
ok "nothing has changed" unchanged

write d c a
printf '%s\n' 'allow = 192.0.2.0/24' >>"$config"
ok "the rules of an export change, wherever the file has it" reload_says "the rules of export 'a' are now: 192.0.2.0/24"
ok "they count" wait_for 30 lacks a
write d c a
ok "they change back" reload_says "the export 'a' has no rules now"
ok "and count" wait_for 30 serves a

# arenad is replaced, then dies.
: >"$tmp/log"
kill -USR2 "$arenad_pid"
ok "arenad and all processes are replaced, while clients stay" wait_for 90 are_replaced 2 3
ok "all exports are served with their disks" wait_for 30 eval "serves a && serves c && serves d"
ok "the client was handed over" still_there "$client"
kill_arenad
arenad_start "${common[@]}"
ok "the next arenad adopts the processes with their exports" eval "serves a && serves c && serves d"
write a c
ok "it removes one" reload_says "reload: export 'd' is removed"
ok "whose process ends" wait_for 30 sp_count 2
: >"$tmp/log"
kill -USR2 "$arenad_pid"
ok "arenad and all processes are replaced while an entry is vacant" wait_for 90 are_replaced 2 2
ok "and serve" eval "serves a && serves c && lacks d && still_there $client"
kill_arenad
# The files get and lose exports while there is no arenad.
write b c a
arenad_next "${common[@]}" --np-buffers 512
not_ok "an arenad with other options than the processes adopts nothing" test "$next_status" = 0
ok "it names the option" says "this arenad has --np-buffers 512"
arenad_next "${common[@]}" --check-adopt
is "processes can be adopted though the files have another export" "$next_status" 0
before=$(workers)
arenad_start "${common[@]}"
# Reload early, when the processes have not heard from this arenad yet.
kill -HUP "$arenad_pid"
ok "they are" says "has adopted region test and 4 processes"
ok "the export is added" wait_for 60 says "reload: export 'b' is added"
ok "and served, beside the others" wait_for 30 eval "serves b && serves a && serves c"
ok "the client has noticed nothing" still_there "$client"
kill_arenad
write a c
arenad_start "${common[@]}"
ok "an export that the files have lost is removed" wait_for 60 says "reload: export 'b' is removed"
ok "its process ends" wait_for 30 sp_count 2
ok "the others are served" eval "serves a && serves c && lacks b"
is "by the processes of before" "$(workers)" "$before"
printf '%s\n' 'allow = 192.0.2.0/24' >>"$config"
ok "one gets rules" reload_says "the rules of export 'c' are now: 192.0.2.0/24"
ok "which count" wait_for 30 lacks c
kill_arenad
write a
printf '%s\n' '[export b]' "disk = $tmp/missing" >>"$config"
arenad_start "${common[@]}"
ok "if another export cannot be added, all of them stay" \
	wait_for 60 says "reload: all options, and the files of TLS, stay in use"
ok "the network processes were told of the exports once more" \
	wait_for 30 eval '[ "$(grep -c "new clients are admitted by the options" "$tmp/log")" -ge 2 ]'
ok "with the rules of before" eval "lacks c && serves a && still_there $client"
write a c
ok "the rules go" reload_says "the export 'c' has no rules now"
ok "and do not count" wait_for 30 serves c
write a b c
: >"$tmp/log"
kill -USR2 "$arenad_pid"
# The storage process of the added export comes to the two that are replaced.
replaced_and_added()
{
	[ "$(grep -c 'was replaced: process' "$tmp/log")" = 2 ] &&
		[ "$(grep -c 'has ended, as it was asked to$' "$tmp/log")" = 2 ] && are_started 5
}
ok "arenad and all processes are replaced though the files have another export" \
	wait_for 90 replaced_and_added
ok "which is added then" wait_for 60 says "reload: export 'b' is added"
ok "and served" wait_for 30 eval "serves b && still_there $client"

# Only the storage process finds out that this is no disk.
write a c
ok "an export leaves its room" reload_says "reload: export 'b' is removed"
printf '%s\n' '[export e]' 'disk = /dev/null' >>"$config"
: >"$tmp/log"
ok "an export is added whose process fails" wait_for 60 was_added e
ok "it is given up, and the others go on" wait_for 60 says "export 'e' has no disk now (--no-disk hide)"
ok "and are served" eval "serves a && serves c && lacks e"
write a c
ok "it can be removed" reload_says "reload: export 'e' is removed"
# They are told when an arenad that adopts the processes would find the change.
ok "the network processes are told" wait_for 30 says "new clients are admitted by the options"

# arenad is stopped with SIGHUP pending, and killed at some moment of what it does then.
write a b c
for pause in 0 0.005 0.02 0.05; do
	write a c
	kill -HUP "$arenad_pid"
	sleep "$pause"
	kill_arenad
	write a b c
	arenad_start "${common[@]}"
	ok "an arenad that dies $pause s after SIGHUP leaves what the next one can adopt" serves a
	write a b c
	ok "which gets all exports back" wait_for 60 all_are_back
done
ok "the client of the first one has noticed nothing of all that" still_there "$client"
is "no process has died" "$(grep -c 'was killed by\|has died' "$tmp/log")" 0
exec {client}>&-
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
