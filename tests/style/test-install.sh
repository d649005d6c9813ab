#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what `make install` leaves works from there: daemons, man pages, and
# programs, in C and C++, that are built with the installed libraries and headers
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
ok "libarena has its page" test -s "$to/share/man/man7/libarena.7"
# As man(1) looks: by the name of the call.
mapfile -t public < <(cd "$to/include" && echo mshare.h && ls arena/*.h)
printf '#include <%s>\n' "${public[@]}" >"$tmp/all.c"
for call in $(cc -E -P -I"$to/include" "$tmp/all.c" | grep -oE '\b(mshare|arena)[a-z_]*\(' | tr -d '(' | sort -u); do
	# Behind macros that add the place of the call.
	[[ $call != *_at ]] || continue
	grep -q "^\.Nm $call\>" "$to/share/man/man3/$call.3" || echo "$call"
done >"$tmp/without"
is "each call has its page" "$(cat "$tmp/without")" ""
for header in "${public[@]}" linux/msharearena.h; do
	echo "#include <$header>" >"$tmp/alone.c"
	for std in c11 gnu17; do
		ok "$header alone, in $std" cc -std=$std -pedantic -Wall -Wextra -Werror \
			-I"$to/include" -fsyntax-only "$tmp/alone.c"
	done
done
# flags LIBRARY: what pkg-config says, as it will be there
flags()
{
	PKG_CONFIG_PATH=$to/lib/pkgconfig pkg-config --define-variable=prefix="$to" --cflags --libs "$1"
}

cat >"$tmp/program.c" <<'END'
#include <linux/msharearena.h>
#include <mshare.h>

int main(void)
{
	struct mshare *m;

	return mshare_open("no-such-region", 1, &m) ? 0 : 1;
}
END
# shellcheck disable=SC2046 # words
ok "a program is built with what was installed" cc -Wall -Werror \
	-o "$tmp/program" "$tmp/program.c" $(flags libmshare)
ok "and runs" "$tmp/program"

# One that C and C++ compile.
cat >"$tmp/arena.c" <<'END'
#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <arena/snapshot.h>
#include <string.h>

static struct arena_layout layout;

static int create(struct mshare **m)
{
	struct mshare_options o;
	struct arena_config c;
	void *base;
	int ret;

	memset(&o, 0, sizeof(o));
	o.backend = MSHARE_BACKEND_MEMFD;
	o.length = 16 << 20;
	o.page_size = 4096;
	o.uid = (uid_t)-1;
	o.gid = (gid_t)-1;
	o.mode = 0600;
	memset(&c, 0, sizeof(c));
	c.size = sizeof(c);
	c.length = o.length;
	ret = mshare_create("installed", &o, m);
	if (!ret)
		ret = mshare_populate(*m, 0, o.length);
	if (!ret)
		ret = mshare_attach(*m, &base);
	if (!ret)
		ret = arena_layout_make(&layout, &c);
	if (!ret)
		arena_layout_write(base, &layout);
	return ret;
}

static int use(struct arena *a)
{
	struct arena_features features;
	struct arena_buf buf;
	struct arena_msg msg;
	int fds[2];

	if (arena_get_for(a, 1, 1, &buf) || !arena_ptr(a, buf))
		return 1;
	if (arena_lend(a, buf, ARENA_ROLE(0, 0), &msg.ref) || arena_state(a, buf) != ARENA_LENT)
		return 2;
	msg = arena_msg_unpack(arena_msg_data(&msg), arena_msg_len(&msg));
	if (msg.ref.count != 1 || arena_channel_socketpair(fds))
		return 3;
	/* What this kernel has does not matter. */
	arena_probe(&features);
	return !arena_feature_info(ARENA_HAS_IO_URING);
}

int main(void)
{
	struct mshare *m;
	struct arena *a;
	int ret;

	if (create(&m) || arena_open(m, ARENA_ROLE(1, 0), &a))
		return 4;
	ret = use(a);
	if (arena_close(a))
		return 5;
	mshare_close(m);
	return ret;
}
END
# shellcheck disable=SC2046 # words
ok "a program of libarena's is built" cc -std=gnu17 -pedantic -Wall -Wextra -Werror \
	-o "$tmp/arena" "$tmp/arena.c" $(flags libarena)
ok "and runs" "$tmp/arena"

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
		# shellcheck disable=SC2046 # words
		ok "the program of libarena's in $std" clang++ -x c++ -std=$std -pedantic -Wall -Wextra \
			-Werror -nostdlib++ -o "$tmp/arena" "$tmp/arena.c" $(flags libarena)
		ok "runs too" "$tmp/arena"
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
