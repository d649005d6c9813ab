#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad on a memfd needs no privilege, and an SP works without registered buffers
# if it may not lock enough memory to register them.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires setpriv nbdcopy prlimit
[ "$(id -u)" = 0 ] || skip_all "must be root, to become somebody else"

path=$(disk d 32M)
chmod 755 "$tmp"
chown 12345 "$path"
RUNTIME_DIRECTORY=$tmp/of-user
install -d -o 12345 "$RUNTIME_DIRECTORY"
head -c 32M /dev/urandom >"$tmp/image"

# A function of this name runs arenad as an ordinary user.
arenad()
{
	exec setpriv --reuid 12345 --regid 12345 --clear-groups \
		prlimit --memlock=8388608:8388608 "$BUILD/arenad" "$@"
}

arenad_start --size 256M --page-size 4K --disk "d=$path"
ok "the SP says that it cannot register its buffers" says "buffers cannot be registered"
ok "nbdcopy writes an image through an SP without registered buffers" \
	nbdcopy "$tmp/image" "nbd://$address/d"
ok "the image that nbdcopy wrote is on the disk" cmp "$tmp/image" "$path"
arenad_stop
is "arenad of an ordinary user ends with status 0" "$status" 0
done_testing
