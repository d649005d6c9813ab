#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with a memfd no privilege is needed, and where buffers cannot be
# registered, here for want of lockable memory, it works without.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires setpriv nbdcopy prlimit
[ "$(id -u)" = 0 ] || skip_all "must be root, to become somebody else"

path=$(disk d 32M)
chmod 755 "$tmp"
chown 12345 "$path"
head -c 32M /dev/urandom >"$tmp/image"

# In arenad's place: arenad as an ordinary user.
arenad()
{
	exec setpriv --reuid 12345 --regid 12345 --clear-groups \
		prlimit --memlock=8388608:8388608 "$BUILD/arenad" "$@"
}

arenad_start --size 256M --page-size 4K --disk "d=$path"
ok "the SP says that buffers are not registered" says "buffers cannot be registered"
ok "nbdcopy writes an image" nbdcopy "$tmp/image" "nbd://$address/d"
ok "the image is on the disk" cmp "$tmp/image" "$path"
arenad_stop
is "arenad ends well" "$status" 0
done_testing
