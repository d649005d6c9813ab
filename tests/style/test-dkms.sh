#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: by `make dkms-install` dkms has the module, builds it from what was
# copied alone, installs and, where there is openssl, signs it; and undoes it.
# Its trees are scratch ones.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires dkms make unshare

series=$(sed -n 's/^Linux-Tested: *\([^ ]*\).*/\1/p' META)
version=$(sed -n 's/^Version: *//p' META)
kernel=$(basename "$(find /lib/modules -maxdepth 1 -name "$series.*" | sort | tail -n 1)")
[ -e "/lib/modules/$kernel/build" ] || skip_all "needs the headers of Linux $series"
# Keys that sign are made in /var/lib/dkms, which is to be a scratch one too.
unshare --mount --pid --fork true 2>/dev/null || skip_all "needs mount and pid namespaces of its own"

modules=$tmp/modules/$kernel
mkdir -p "$tmp/tree" "$tmp/sources" "$modules" "$tmp/keys"
ln -s "/lib/modules/$kernel/build" "$modules/build"
dkms="dkms --dkmstree $tmp/tree --sourcetree $tmp/sources --installtree $tmp/modules"

# run TARGET: make it with the scratch trees. dkms leaves the sleep of its
# progress dots behind, which ends with the pid namespace.
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

ok "make dkms-install" run dkms-install
ok "the sources are there, with the licence" test -s "$tmp/sources/msharearena-$version/LICENSES/GPL-2.0"
is "dkms has installed it" "$($dkms status "msharearena/$version" | sed 's/.*: //')" installed
ok "for this kernel" test -s "$(module)"
is "this version" "$(modinfo -F version "$(module)")" "$version"
is "for this kernel's modprobe" "$(modinfo -F vermagic "$(module)" | cut -d' ' -f1)" "$kernel"
if command -v openssl >/dev/null; then
	is "signed with the key that dkms made" "$(modinfo -F signer "$(module)")" "DKMS module signing key"
else
	skip "signed with the key that dkms made" "needs openssl"
fi
ok "again, over what is there" run dkms-install
ok "make dkms-uninstall" run dkms-uninstall
is "the module is gone" "$(module)" ""
is "dkms knows it no more" "$($dkms status msharearena)" ""
not_ok "nor are the sources there" test -e "$tmp/sources/msharearena-$version"

ok "make dkms-install DESTDIR=..." make dkms-install DKMS=false "DESTDIR=$tmp/root"
conf=$tmp/root/usr/src/msharearena-$version/dkms.conf
is "leaves the sources and lets dkms alone" "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$conf")" "$version"
not_ok "nothing is left to be filled in" grep @ "$conf"
ok "make dkms-uninstall DESTDIR=..." make dkms-uninstall DKMS=false "DESTDIR=$tmp/root"
not_ok "removes them" test -e "${conf%/*}"
done_testing
