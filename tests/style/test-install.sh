#!/bin/bash
# SPDX-License-Identifier: MIT
# What `make install` leaves works from there, `make uninstall` removes it and nothing
# else, and what `make modules-install` leaves is found by modprobe. Headers and
# libraries: test-install-headers.sh, test-install-libraries.sh.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make setpriv
# shellcheck source=installed.sh
. "$(dirname "$0")/installed.sh"

# content DIR: names of all that is in it
content()
{
	(cd "$1" && find . | sort)
}

to=$root/usr
for program in arenad arena-np arena-sp; do
	is "$program runs where it is installed, and has the version of META" \
		"$("$to/sbin/$program" --version)" "$program $version"
	ok "$program has its page" test -s "$to/share/man/man8/$program.8"
done
ok "the device has its page" test -s "$to/share/man/man4/msharearena.4"
ok "libarena has its page" test -s "$to/share/man/man7/libarena.7"
# As man(1) looks: by the name of the call.
for call in $(calls -I"$include"); do
	# Behind macros that add the place of the call.
	[[ $call != *_at ]] || continue
	grep -q "^\.Nm $call\>" "$to/share/man/man3/$call.3" || echo "$call"
done >"$tmp/without"
is "each call has its page" "$(cat "$tmp/without")" ""
is "the licences are installed" "$(content "$to/share/doc/msharearena/LICENSES")" \
	"$(content LICENSES)"
is "the examples are installed" "$(content "$to/share/doc/msharearena/examples")" \
	"$(cd examples && find . -name . -o -name '*.c' | sort)"
is "the documents are installed" "$(cd "$to/share/doc/msharearena" && echo *.md)" \
	"$(cd docs && echo *.md)"

# A prefix in which there are files of others, as in /usr.
others=(include/linux/other.h include/arena.h lib/libother.so.0 lib/pkgconfig/other.pc
	sbin/other share/man/man3/other.3 share/doc/other/README)
for file in "${others[@]}"; do
	install -D -m 644 META "$tmp/shared/$file"
done
content "$tmp/shared" >"$tmp/before"
ok "make install PREFIX=... beside files of others" make install "PREFIX=$tmp/shared"
ok "make uninstall PREFIX=..." make uninstall "PREFIX=$tmp/shared"
is "make uninstall leaves what was there before and no more" \
	"$(content "$tmp/shared" | diff "$tmp/before" -)" ""

# Each folder where somebody wants it, by somebody who is not root.
chmod 755 "$tmp"
install -d -o 65534 -g 65534 "$tmp/home"
folders=(PREFIX="$tmp/home/opt" LIBDIR="$tmp/home/lib64" INCLUDEDIR="$tmp/home/include/x"
	SBINDIR="$tmp/home/bin" MANDIR="$tmp/home/man" DATADIR="$tmp/home/data")
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
ok "a user installs into folders of his own" "${nobody[@]}" make install "${folders[@]}"
is "every folder is where the user wants it" "$(cd "$tmp/home" && printf '%s\n' */* | sort)" \
	"$(printf '%s\n' bin/arena{-np,-sp,d} data/doc include/x \
		lib64/lib{arena,mshare}.{a,so,so."${version%%.*}",so."$version"} \
		lib64/{msharearena,pkgconfig} man/man{3,4,7,8} | sort)"
is "pkg-config knows those folders" \
	"$(PKG_CONFIG_LIBDIR=$tmp/home/lib64/pkgconfig pkg-config --cflags --libs libmshare)" \
	"-I$tmp/home/include/x -L$tmp/home/lib64 -lmshare "
ok "the user's make uninstall" "${nobody[@]}" make uninstall "${folders[@]}"
is "nothing is left of what the user installed" "$(content "$tmp/home")" .

ok "make uninstall DESTDIR=..." make uninstall "${where[@]}"
is "nothing is left below DESTDIR" "$(content "$root")" .

# What uninstall removes is known without a build.
mkdir "$tmp/tree"
cp -a META Makefile user include LICENSES examples docs "$tmp/tree"
ok "make install before make uninstall of a clean tree" make install "${where[@]}"
ok "make uninstall of a tree in which nothing is built" make -C "$tmp/tree" uninstall "${where[@]}"
is "nothing is left by the clean tree's make uninstall" "$(content "$root")" .
not_ok "make install of a tree in which nothing is built" make -C "$tmp/tree" install "${where[@]}"

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
