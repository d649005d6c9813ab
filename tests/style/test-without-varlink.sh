#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: where libsystemd is older than 257, as that of Ubuntu 24.04, the build makes an arenad without
# its Varlink service, and says so.
# run: long
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make

# A compiler that does not find the header.
mkdir -p "$tmp/include/systemd"
echo '#error none' >"$tmp/include/systemd/sd-varlink.h"
printf '#!/bin/sh\nexec cc -I%s "$@"\n' "$tmp/include" >"$tmp/cc"
chmod 755 "$tmp/cc"
without=(make -f user/Makefile BUILD="$tmp/build" CC="$tmp/cc")
ok "arenad is built where libsystemd has no Varlink" "${without[@]}" "$tmp/build/arenad"
is "the build says what is missing then" "$(grep '^libsystemd' "$tmp/.output")" \
	"libsystemd 257 is not here: arenad has no Varlink service, and there is no arenactl (Debian, Ubuntu: libsystemd-dev; Fedora: systemd-devel)"
ok "that arenad runs" "$tmp/build/arenad" --version
not_ok "arenactl is not built then" "${without[@]}" "$tmp/build/arenactl"
done_testing
