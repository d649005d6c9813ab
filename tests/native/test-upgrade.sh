#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: SIGUSR2 puts the arenad that is installed now in the place of the one that runs, under load,
# and a version that does not fit changes nothing.
# timeout: 300
# shellcheck disable=SC2154 # status is set by lib.sh, and answer by many-lib.sh
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
requires nbdinfo gcc

# The arenad that runs is a copy, in whose place others are put as an installation does it.
mkdir "$tmp/bin"
install_arenad "$BUILD/arenad"
PATH=$tmp/bin:$PATH

# other_version FILE FLAG...: build an arenad whose versions are others by these flags
other_version()
{
	local flags

	read -ra flags <"$BUILD/obj/flags"
	"${flags[@]}" "${@:2}" -c -o "$tmp/state.o" user/arenad/state.c &&
		"${flags[@]}" -o "$1" "$BUILD/obj/user/arenad/main.o" "$tmp/state.o" \
			-Wl,--start-group "$BUILD/obj/parts-arenad.a" "$BUILD"/obj/lib*.a \
			-Wl,--end-group -luring -lgnutls -lhwloc -lkmod -lini_config -lseccomp -lsystemd -lbpf
}

# refuses NAME TEXT: SIGUSR2 leaves arenad as it is, and the log has the text
refuses()
{
	local exe

	exe=$(stat -Lc %i "/proc/$arenad_pid/exe")
	: >"$tmp/log"
	kill -USR2 "$arenad_pid"
	ok "arenad says that it goes on after $1" wait_for 20 says "this arenad goes on"
	ok "arenad says why it does not execute $1" says "$2"
	is "arenad is the same program after $1" "$(stat -Lc %i "/proc/$arenad_pid/exe")" "$exe"
	is "the processes are the same ones after $1" "$(workers)" "$before"
	ok "clients are served after $1" still_served
}

# are_new: have both storage processes ended that ran before, and do their successors run?
are_new()
{
	local sp

	[ "$(children arena-sp | wc -l)" = 2 ] || return 1
	for sp in $(children arena-sp); do
		[[ " $before " != *" $sp "* ]] || return 1
	done
}

one=$(disk one 64M)
two=$(disk two 64M)
adopt_start --disk "one=$one" --disk "two=$two" --bindir "$BUILD"
before=$(workers)
crowd_start up one 4
is "four clients write and verify" "$answer" ready

printf '#!/bin/sh\nexit 1\n' >"$tmp/fails"
install_arenad "$tmp/fails"
refuses "a version that ends with status 1" "cannot adopt the processes (status 1)"
printf '#!/bin/sh\nexec sleep 1000\n' >"$tmp/hangs"
install_arenad "$tmp/hangs"
refuses "a version that does not say whether it fits" "has not said within 10 s"
ok "an arenad is built that has another version of the state" \
	other_version "$tmp/other" -DSTATE_VERSION=1000U
install_arenad "$tmp/other"
refuses "a version that does not understand the state" \
	"the running processes are of a version that this arenad"
printf '%s\n' '#undef PROTO_VERSION_OLDEST' '#undef PROTO_VERSION_NEWEST' \
	'#define PROTO_VERSION_OLDEST 1000U' '#define PROTO_VERSION_NEWEST 1001U' >"$tmp/newer.h"
ok "an arenad is built that has another version of the protocol" \
	other_version "$tmp/newer" -include proto/record.h -include "$tmp/newer.h"
install_arenad "$tmp/newer"
refuses "a version with whose processes those that run cannot talk" \
	"the running processes are of a version that this arenad"
rm "$tmp/bin/arenad"
refuses "a version that is not there" "No such file or directory"

install_arenad "$BUILD/arenad"
for i in 1 2 3; do
	: >"$tmp/log"
	exe=$(stat -Lc %i "/proc/$arenad_pid/exe")
	install_arenad "$BUILD/arenad"
	kill -USR2 "$arenad_pid"
	ok "SIGUSR2 makes the installed arenad adopt the processes, time $i" \
		wait_for 20 says "has adopted region test and 4 processes"
	is "the program of arenad's process is another file, time $i" \
		"$([ "$(stat -Lc %i "/proc/$arenad_pid/exe")" != "$exe" ] && echo another)" another
	ok "there is one keeper, time $i" wait_for 20 has_keeper
	ok "both storage processes are replaced, time $i" wait_for 30 are_new
	ok "both network processes are replaced, time $i" wait_for 60 are_replaced 2 2
	ok "the four clients go on, time $i" crowd_goes up 4
	before=$(workers)
done
# times N TEXT: has the log the text N times?
times() { [ "$(grep -cF -- "$2" "$tmp/log")" -ge "$1" ]; }
# A process that is stopped is killed after some seconds, so that the replacement lasts as long.
: >"$tmp/log"
kill -STOP "$(children arena-sp | head -n 1)"
kill -USR2 "$arenad_pid"
wait_for 20 says "has adopted region test and 4 processes"
kill -USR2 "$arenad_pid"
ok "another SIGUSR2 waits while processes are replaced, and the log says so" \
	wait_for 20 says "arenad itself is replaced when the processes have been"
ok "arenad is replaced once more after that" \
	wait_for 60 times 2 "has adopted region test and 4 processes"
ok "so are all processes" wait_for 60 times 4 "was replaced: process"
ok "the four clients go on after that" crowd_goes up 4
is "arenad says once that clients may come" "$(grep -c ^ready "$tmp/out")" 1
arenad --region test --backend memfd --size 512M --disk "one=$one" --disk "two=$two" --bindir "$BUILD" \
	"${listen[@]}" --nps 2 2>"$tmp/second"
is "another arenad is refused after arenad was replaced" $? 1
ok "another arenad is told which process runs" \
	grep -q "another arenad (process $arenad_pid) runs" "$tmp/second"
crowd_stop up
is "the four clients keep their connections, and read what they wrote" "$answer" "lost 0 wrong 0"
kill -KILL "$(np 0)"
ok "the arenad that was put in place starts a network process again" \
	wait_for 20 says "arena-np 0 is started again"
ok "all clients are served" wait_for 20 all_served
arenad_stop
is "the arenad that was put in place ends with status 0" "$status" 0
is "no process is left" "$(processes_left)" ""
done_testing
