#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: after `make dkms-install` dkms has built the module from the copied sources alone,
# has installed it and, if openssl is there, signed it. `make dkms-uninstall` undoes that.
# All trees of dkms are temporary.
# run: long
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires dkms make unshare

series=$(sed -n 's/^Linux-Tested: *\([^ ]*\).*/\1/p' META)
version=$(sed -n 's/^Version: *//p' META)
kernel=$(basename "$(find /lib/modules -maxdepth 1 -name "$series.*" | sort | tail -n 1)")
[ -e "/lib/modules/$kernel/build" ] || skip_all "needs the headers of Linux $series"
# dkms makes its signing keys in /var/lib/dkms, which has to be temporary, too.
unshare --mount --pid --fork true 2>/dev/null || skip_all "needs mount and pid namespaces of its own"

modules=$tmp/modules/$kernel
mkdir -p "$tmp/tree" "$tmp/sources" "$modules" "$tmp/keys"
ln -s "/lib/modules/$kernel/build" "$modules/build"
dkms="dkms --dkmstree $tmp/tree --sourcetree $tmp/sources --installtree $tmp/modules"

# run TARGET: make the target with temporary trees. dkms leaves a sleep behind that paces
# its progress dots; it ends with the pid namespace.
run()
{
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --pid --fork sh -euc 'mount --bind "$1" /var/lib/dkms; shift; exec "$@"' sh "$tmp/keys" \
		make "$1" DKMS="$dkms" DKMS_SOURCES="$tmp/sources" DKMS_KERNEL="$kernel"
}

module()
{
	find "$modules/updates" -name 'msharearena.ko*' 2>/dev/null
}

ok "make dkms-install succeeds" run dkms-install
ok "make dkms-install copies the sources and the licence" \
	test -s "$tmp/sources/msharearena-$version/LICENSES/GPL-2.0"
is "dkms reports the module as installed" \
	"$($dkms status "msharearena/$version" | sed 's/.*: //')" installed
ok "dkms installs the module for the chosen kernel" test -s "$(module)"
is "the installed module has the version of META" "$(modinfo -F version "$(module)")" "$version"
is "the installed module was built for the chosen kernel" \
	"$(modinfo -F vermagic "$(module)" | cut -d' ' -f1)" "$kernel"
if command -v openssl >/dev/null; then
	is "the installed module is signed with dkms's key" \
		"$(modinfo -F signer "$(module)")" "DKMS module signing key"
else
	skip "the installed module is signed with dkms's key" "needs openssl"
fi
ok "make dkms-install succeeds a second time" run dkms-install
ok "make dkms-uninstall succeeds" run dkms-uninstall
is "make dkms-uninstall removes the module" "$(module)" ""
is "make dkms-uninstall removes the module from dkms" "$($dkms status msharearena)" ""
not_ok "make dkms-uninstall removes the sources" test -e "$tmp/sources/msharearena-$version"

ok "make dkms-install with DESTDIR succeeds without dkms" \
	make dkms-install DKMS=false "DESTDIR=$tmp/root"
conf=$tmp/root/usr/src/msharearena-$version/dkms.conf
is "dkms.conf has the version of META" \
	"$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$conf")" "$version"
not_ok "dkms.conf has no placeholder left" grep @ "$conf"
ok "make dkms-uninstall with DESTDIR succeeds" make dkms-uninstall DKMS=false "DESTDIR=$tmp/root"
not_ok "make dkms-uninstall with DESTDIR removes the sources" test -e "${conf%/*}"
done_testing
