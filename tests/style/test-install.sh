#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what `make install` leaves works from there: daemons, man pages, and
# programs, in C and C++, that are built with the installed library and headers
# alone; what `make modules-install` leaves is found by modprobe.
# timeout: 300
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
ok "the device has its page" test -s "$to/share/man/man4/msharearena.4"
# As man(1) looks: by the name of the call.
for call in $(grep -oE '\bmshare[a-z_]*\(' <(cc -E -P user/include/mshare.h) | tr -d '('); do
	grep -q "^\.Nm $call\>" "$to/share/man/man3/$call.3" || echo "$call"
done >"$tmp/without"
is "each call has its page" "$(cat "$tmp/without")" ""
for header in mshare.h linux/msharearena.h; do
	echo "#include <$header>" >"$tmp/alone.c"
	for std in c11 gnu17; do
		ok "$header alone, in $std" cc -std=$std -pedantic -Wall -Wextra -Werror \
			-I"$to/include" -fsyntax-only "$tmp/alone.c"
	done
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

# A structure and a function are called mshare: C++ has one space for both.
cat >"$tmp/program.cc" <<'END'
#include <fcntl.h>
#include <linux/msharearena.h>
#include <mshare.h>

int main()
{
	struct mshare *m = nullptr;
	struct mshare_info info = {};
	void *addr;
	size_t length;

	if (!mshare_open("no-such-region", 1, &m))
		return mshare_info(m, &info);
	if (!mshare_region_of("no-such-region", &addr, &length))
		return 1;
	return !mshare("no-such-region", nullptr, 0, O_RDWR, 0);
}
END
if command -v clang++ >/dev/null; then
	for std in c++11 c++20; do
		# The C++ library is not needed, and need not be there.
		ok "a program in $std" clang++ -std=$std -pedantic -Wall -Wextra -Werror \
			-I"$to/include" -nostdlib++ -o "$tmp/program" "$tmp/program.cc" -L"$to/lib" -lmshare
		ok "runs too" "$tmp/program"
	done
else
	skip "a program in C++" "needs clang++"
fi

# Built already: this installs it as it is, for the kernel it was built for. The
# tree's own is not to be signed, so that works on a copy.
series=$(sed -n 's/^Linux-Tested: *\([^ ]*\).*/\1/p' META)
kernel=$(basename "$(find /lib/modules -maxdepth 1 -name "$series.*" | sort | tail -n 1)")
headers=/lib/modules/$kernel/build
if [ -e "build/module/$kernel/msharearena.ko" ]; then
	ok "make modules-install" make modules-install NATIVE=1 WARN=1e "KDIR=$headers" "DESTDIR=$tmp/root"
	module=$(find "$tmp/root/lib/modules/$kernel" -name 'msharearena.ko*')
	# Compressed, where the kernel's configuration says so.
	place=${module#"$tmp/root/lib/modules/$kernel/"}
	is "the module is where modprobe looks" "${place%%.ko*}" updates/kmod/msharearena
	ok "which finds it" depmod -b "$tmp/root" "$kernel"
	is "by its name" "$(modprobe -d "$tmp/root" -S "$kernel" --show-depends msharearena 2>/dev/null)" \
		"insmod $module "
else
	skip "make modules-install" "needs make module"
fi

# The commands that docs/install.md has for it.
if [ -e "build/module/$kernel/msharearena.ko" ] && command -v openssl >/dev/null; then
	cp "build/module/$kernel/msharearena.ko" "$tmp/signed.ko"
	ok "a key is made" openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=test key/" \
		-addext extendedKeyUsage=codeSigning -outform DER -keyout "$tmp/mok.key" -out "$tmp/mok.der"
	ok "the module is signed" "$headers/scripts/sign-file" sha256 "$tmp/mok.key" "$tmp/mok.der" "$tmp/signed.ko"
	is "by its owner" "$(modinfo -F signer "$tmp/signed.ko")" "test key"
else
	skip "signing" "needs make module and openssl"
fi
done_testing
