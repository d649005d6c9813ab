#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: programs work where `make install` installs them, `make uninstall` removes them and
# nothing else, and modprobe finds the module of `make modules-install`. Headers and
# libraries are in test-install-headers.sh and test-install-libraries.sh.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make setpriv systemd-sysusers
# shellcheck source=installed.sh
. "$(dirname "$0")/installed.sh"

# content DIR: the names of everything below the folder
content()
{
	(cd "$1" && find . | sort)
}

to=$root/usr
for program in arenad arenactl arena-metrics arena-np arena-sp; do
	is "the installed $program runs and prints the version of META" \
		"$("$to/sbin/$program" --version)" "$program $version"
	ok "the manual page of $program is installed" test -s "$to/share/man/man8/$program.8"
done
ok "the script for bpftrace is installed" \
	cmp user/dist/msharearena-requests.bt "$to/share/msharearena/msharearena-requests.bt"
ok "the manual page of the device is installed" test -s "$to/share/man/man4/msharearena.4"
ok "the manual page of libarena is installed" test -s "$to/share/man/man7/libarena.7"
ok "the manual page of the configuration is installed" test -s "$to/share/man/man5/arenad.conf.5"
for unit in "$to"/lib/systemd/system/*; do
	unit=${unit##*/}
	ok "man(1) finds a page by the name of the unit $unit" test -s "$to/share/man/man8/$unit.8"
done
# man(1) looks for a page by the name of the call.
for call in $(calls -I"$include"); do
	# Macros that add the place of the call use these.
	[[ $call != *_at ]] || continue
	grep -q "^\.Nm $call\>" "$to/share/man/man3/$call.3" || echo "$call"
done >"$tmp/without"
is "each call of the libraries has an installed manual page" "$(cat "$tmp/without")" ""
is "the licences are installed" "$(content "$to/share/doc/msharearena/LICENSES")" \
	"$(content LICENSES)"
is "the examples are installed" "$(content "$to/share/doc/msharearena/examples")" \
	"$(cd examples && find . -name . -o -name '*.c' | sort)"
is "the documents are installed" "$(cd "$to/share/doc/msharearena" && echo *.md)" \
	"$(cd docs && echo *.md)"

# Users for the daemons, of which docs/install.md says how arenad is started with them.
mkdir -p "$tmp/users/etc"
ok "systemd-sysusers makes users of the installed file" \
	systemd-sysusers --root="$tmp/users" "$to/lib/sysusers.d/msharearena.conf"
read -r np sp < <(sed -n 's/^ *arenad --np-user \([^ ]*\) --sp-user \([^ ]*\) .*/\1 \2/p' docs/install.md)
for user in "${np:-none}" "${sp:-none}"; do
	ok "the user $user of docs/install.md is one of those" grep -q "^$user:" "$tmp/users/etc/passwd"
done
metrics=$(sed -n 's/^ExecStart=.* --user \([^ ]*\).*/\1/p' "$to/lib/systemd/system/arena-metrics.service")
is "the installed file makes these users, that of arena-metrics.service, and no others" \
	"$(cut -d : -f 1 "$tmp/users/etc/passwd" | sort | xargs)" "$metrics $np $sp"
ok "the user of storage processes is in the group of disks" \
	grep -qE "^disk:[^:]*:[^:]*:$sp\$" "$tmp/users/etc/group"

# A prefix that holds files of other packages, as /usr does.
others=(include/linux/other.h include/arena.h lib/libother.so.0 lib/pkgconfig/other.pc
	sbin/other share/man/man3/other.3 share/doc/other/README)
for file in "${others[@]}"; do
	install -D -m 644 META "$tmp/shared/$file"
done
content "$tmp/shared" >"$tmp/before"
ok "make install succeeds in a prefix with files of others" make install "PREFIX=$tmp/shared"
ok "make uninstall succeeds in a prefix with files of others" make uninstall "PREFIX=$tmp/shared"
is "make uninstall removes its own files and leaves those of others" \
	"$(content "$tmp/shared" | diff "$tmp/before" -)" ""

# A user who is not root chooses each folder.
chmod 755 "$tmp"
install -d -o 65534 -g 65534 "$tmp/home"
folders=(PREFIX="$tmp/home/opt" LIBDIR="$tmp/home/lib64" INCLUDEDIR="$tmp/home/include/x"
	SBINDIR="$tmp/home/bin" MANDIR="$tmp/home/man" DATADIR="$tmp/home/data")
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
ok "make install by a user into chosen folders succeeds" "${nobody[@]}" make install "${folders[@]}"
is "make install puts everything into the chosen folders" \
	"$(cd "$tmp/home" && printf '%s\n' */* | sort)" \
	"$(printf '%s\n' bin/arena{-metrics,-np,-sp,ctl,d} \
		data/{bash-completion,doc,msharearena} include/x \
		lib64/lib{arena,mshare}.{a,so,so."${version%%.*}",so."$version"} \
		lib64/{msharearena,pkgconfig} man/man{3,4,5,7,8} opt/lib | sort)"
is "pkg-config knows the chosen folders" \
	"$(PKG_CONFIG_LIBDIR=$tmp/home/lib64/pkgconfig pkg-config --cflags --libs libmshare)" \
	"-I$tmp/home/include/x -L$tmp/home/lib64 -lmshare "
ok "make uninstall by the user succeeds" "${nobody[@]}" make uninstall "${folders[@]}"
is "make uninstall by the user leaves nothing behind" "$(content "$tmp/home")" .

ok "make uninstall with DESTDIR succeeds" make uninstall "${where[@]}"
is "make uninstall leaves nothing below DESTDIR" "$(content "$root")" .

# make uninstall does not need a build to know what it removes.
mkdir "$tmp/tree"
cp -a META Makefile user include LICENSES examples docs "$tmp/tree"
ok "make install succeeds again after make uninstall" make install "${where[@]}"
ok "make uninstall succeeds in a tree in which nothing is built" \
	make -C "$tmp/tree" uninstall "${where[@]}"
is "make uninstall of a tree without a build leaves nothing behind" "$(content "$root")" .
not_ok "make install fails in a tree in which nothing is built" \
	make -C "$tmp/tree" install "${where[@]}"

# The module that was built before is installed for its kernel. Signing below works on a
# copy, to leave the module of the tree as it is.
series=$(sed -n 's/^Linux-Tested: *\([^ ]*\).*/\1/p' META)
kernel=$(basename "$(find /lib/modules -maxdepth 1 -name "$series.*" | sort | tail -n 1)")
headers=/lib/modules/$kernel/build
if [ -e "build/module/$kernel/msharearena.ko" ]; then
	ok "make modules-install succeeds" \
		make modules-install NATIVE=1 WARN=1e "KDIR=$headers" "DESTDIR=$tmp/root"
	module=$(find "$tmp/root/lib/modules/$kernel" -name 'msharearena.ko*')
	# The kernel's configuration may have it compressed.
	place=${module#"$tmp/root/lib/modules/$kernel/"}
	is "make modules-install puts the module where modprobe looks" \
		"${place%%.ko*}" updates/kmod/msharearena
	ok "depmod accepts the installed module" depmod -b "$tmp/root" "$kernel"
	is "modprobe finds the installed module by its name" \
		"$(modprobe -d "$tmp/root" -S "$kernel" --show-depends msharearena 2>/dev/null)" \
		"insmod $module "
else
	skip "make modules-install succeeds" "needs make module"
fi

# The module is signed with the commands of docs/install.md.
if [ -e "build/module/$kernel/msharearena.ko" ] && command -v openssl >/dev/null; then
	cp "build/module/$kernel/msharearena.ko" "$tmp/signed.ko"
	ok "openssl makes a key to sign the module" \
		openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=test key/" \
		-addext extendedKeyUsage=codeSigning -outform DER -keyout "$tmp/mok.key" -out "$tmp/mok.der"
	ok "the kernel's sign-file signs the module" \
		"$headers/scripts/sign-file" sha256 "$tmp/mok.key" "$tmp/mok.der" "$tmp/signed.ko"
	is "modinfo names the signer of the module" \
		"$(modinfo -F signer "$tmp/signed.ko")" "test key"
else
	skip "the kernel's sign-file signs the module" "needs make module and openssl"
fi
done_testing
