#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the NP and the SPs run as users of their own, and none of them can open the view of
# another role.
# Method: users that each system has; opening the views as each of them; real clients.
# timeout: 300
: "${NPS:=2}"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy setpriv
np=nobody sp=games
getent passwd "$np" "$sp" >"$tmp/users" || skip_all "needs the users $np and $sp"

# can_open USER VIEW: for reading
can_open()
{
	setpriv --reuid "$1" --clear-groups dd "if=/dev/mshare/test/$2" bs=16 count=1 status=none \
		of=/dev/null
}

owner_of() { stat -c '%U %a' "/dev/mshare/test/$1"; }
user_of() { children "$1" | xargs -n 1 ps -o user= -p | sort -u; }
have_ended() { ! kill -0 "$@" 2>/dev/null; }

chown "$sp" "$(realpath "$disk0")"
at_exit chown root "$(realpath "$disk0")"
pages_2m 128
head -c 16M /dev/urandom >"$tmp/image"
start() { arenad_start --size 256M --page-size 2M --disk "one=$disk0" --np-user $np --sp-user $sp "$@"; }

start
is "the NP runs as its user" "$(user_of arena-np)" "$np"
is "the SP runs as its user" "$(user_of arena-sp)" "$sp"
ok "the NP and the SP are attached through the views of their roles" on_own_views
is "only the NP's user may open its view" "$(owner_of np-0)" "$np 600"
is "only the SP's user may open its view" "$(owner_of sp-0)" "$sp 600"
ok "the NP's user opens the view of the NP" can_open "$np" np-0
ok "the SP's user opens the view of the SP" can_open "$sp" sp-0
for view in sp-0 rw ro; do
	not_ok "the NP's user cannot open the view $view" can_open "$np" "$view"
done
for view in np-0 rw ro; do
	not_ok "the SP's user cannot open the view $view" can_open "$sp" "$view"
done
ok "nbdcopy writes an image" nbdcopy --flush "$tmp/image" "nbd://$address/one"
ok "the image is on the disk" eval "dd if=$disk0 bs=1M count=16 iflag=direct status=none |
	cmp - $tmp/image"
ok "nbdcopy reads the image back" eval "nbdcopy nbd://$address/one - | head -c 16M |
	cmp - $tmp/image"
arenad_stop
is "arenad ends with status 0" "$status" 0

start
processes="$(children arena-np) $(children arena-sp)"
kill -KILL "$arenad_pid"
arenad_wait
start
ok "the next arenad adopts processes of other users" says "has adopted region"
is "the processes of other users are the same ones" "$(processes_left | sort | comm -12 - \
	<(echo "$processes" | tr ' ' '\n' | sort) | wc -l)" \
	"$(echo "$processes" | wc -w)"
ok "a client reads from processes that were adopted" nbdinfo "nbd://$address/one"
kill -KILL "$arenad_pid"
arenad_wait
start --replace
# shellcheck disable=SC2086 # two ids
ok "arenad with --replace ends processes of other users" wait_for 20 have_ended $processes
ok "a new arenad serves the disk" nbdcopy --flush "$tmp/image" "nbd://$address/one"
arenad_stop
is "the new arenad ends with status 0" "$status" 0
done_testing
