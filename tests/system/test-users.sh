#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the NPs and the SPs run as the users that the installed file for systemd-sysusers makes and
# that docs/install.md names, and none of them can open the view of another role.
# Method: the file adds its users to copies of the machine's /etc/passwd and /etc/group, which are
# mounted in their place; opening the views as each of them; real clients.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy setpriv systemd-sysusers

read -r np sp < <(sed -n 's/^ *arenad --np-user \([^ ]*\) --sp-user \([^ ]*\) .*/\1 \2/p' docs/install.md)
isnt_empty() { [ -n "$1" ] && [ -n "$2" ]; }
ok "docs/install.md names a user for the NPs and one for the SPs" isnt_empty "$np" "$sp"
install -D -m 644 -t "$tmp/root/etc" /etc/passwd /etc/group
ok "systemd-sysusers accepts the file that is installed" \
	systemd-sysusers --root="$tmp/root" user/dist/sysusers.conf
for file in passwd group; do
	mount --bind "$tmp/root/etc/$file" "/etc/$file"
	at_exit umount "/etc/$file"
done
for user in "$np" "$sp"; do
	ok "the file has made the user $user of docs/install.md" getent passwd "$user"
done

# can_open USER VIEW: for reading
can_open()
{
	setpriv --reuid "$1" --clear-groups dd "if=/dev/mshare/test/$2" bs=16 count=1 status=none \
		of=/dev/null
}

owner_of() { stat -c '%U %a' "/dev/mshare/test/$1"; }
user_of() { children "$1" | xargs -n 1 ps -o user= -p | sort -u; }
have_ended() { ! kill -0 "$@" 2>/dev/null; }

# As udev has it. The file for systemd-sysusers puts the SPs' user into this group.
for disk in "$disk0" "$disk1"; do
	chgrp disk "$(realpath "$disk")"
	chmod 660 "$(realpath "$disk")"
	at_exit chgrp root "$(realpath "$disk")"
done
pages_2m 128
head -c 16M /dev/urandom >"$tmp/image"
start()
{
	arenad_start --size 256M --page-size 2M --disk "one=$disk0" --disk "two=$disk1" \
		--np-user "$np" --sp-user "$sp" "$@"
}

start
is "each NP runs as its user" "$(user_of arena-np)" "$np"
is "each SP runs as its user" "$(user_of arena-sp)" "$sp"
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
# shellcheck disable=SC2086 # ids
ok "arenad with --replace ends processes of other users" wait_for 20 have_ended $processes
ok "a new arenad serves the disk" nbdcopy --flush "$tmp/image" "nbd://$address/one"
arenad_stop
is "the new arenad ends with status 0" "$status" 0

# The filter of system calls is left out here.
release=$(uname -r)
for role in np sp; do
	name="without its filter, arena-$role can open a ring, which can do nothing"
	if [ "${release%%.*}" -ge 7 ]; then
		ok "$name" "$BUILD/tests/native/sandbox-try" "$role" drop nop
	else
		skip "$name" "Linux before 7.0 restricts rings of a task only one by one"
	fi
done
done_testing
