#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what `make install` leaves works from there: daemons, man pages, and a
# program that is built with the installed library and headers alone.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make

[ -e build/arenad ] || skip_all "needs make user"
to=$tmp/root/usr
ok "make install" make install "DESTDIR=$tmp/root" PREFIX=/usr
for program in arenad arena-np arena-sp; do
	ok "$program runs" "$to/sbin/$program" --version
	ok "$program has its page" test -s "$to/share/man/man8/$program.8"
done
cat >"$tmp/program.c" <<'END'
#include <linux/msharearena.h>
#include <mshare.h>

int main(void)
{
	struct mshare *m;

	return mshare_open("no-such-region", 1, &m) ? 0 : 1;
}
END
ok "a program is built with what was installed" cc -Wall -Werror -I"$to/include" \
	-o "$tmp/program" "$tmp/program.c" -L"$to/lib" -lmshare
ok "and runs" "$tmp/program"
done_testing
