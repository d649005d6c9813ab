#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: lintian has no objection to the packages of `make deb`; installed in a copy of this root, that
# of the module has DKMS build it for each kernel; and a purge leaves nothing but DKMS's own key.
# run: long
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires dpkg dkms lintian unshare
debs=(build/deb/*.deb)
[ -e "${debs[0]}" ] || skip_all "needs make deb"

is "lintian has no objection" \
	"$(lintian build/deb/*.changes 2>&1 | grep -v '^running with root privileges')" ""

# In the copy: install, list what DKMS has built, purge, list what is left. Users stay on purpose.
cat >"$tmp/inside" <<'END'
files() { find / -xdev \( -path /proc -o -path /tmp -o -path /var/log \) -prune -o -print | sort; }
# The packages of libraries have it run, and it leaves a cache of its own.
ldconfig
files >/tmp/before
dpkg -i /tmp/debs/*.deb >/tmp/log 2>&1 || { tail -n 20 /tmp/log; exit 1; }
dkms status | sed -n 's/.*, \(.*\), x86_64: installed$/\1/p' | sort >/tmp/built
dpkg --purge $(for deb in /tmp/debs/*.deb; do dpkg-deb -f "$deb" Package; done) >>/tmp/log 2>&1 ||
	{ tail -n 20 /tmp/log; exit 1; }
files >/tmp/after
diff /tmp/before /tmp/after >/tmp/left
true
END
# shellcheck disable=SC2016 # expanded by the inner shell
in_copy()
{
	unshare --mount --pid --fork bash -euc '
		tmp=$1
		mount -t tmpfs tmpfs "$tmp/copy"
		mkdir "$tmp/copy"/{upper,work,root}
		mount -t overlay overlay -o "lowerdir=/,upperdir=$tmp/copy/upper,workdir=$tmp/copy/work" \
			"$tmp/copy/root"
		for i in dev proc sys; do mount --rbind "/$i" "$tmp/copy/root/$i"; done
		mount --bind "$tmp/files" "$tmp/copy/root/tmp"
		exec chroot "$tmp/copy/root" bash -u /tmp/inside' bash "$tmp"
}

mkdir -p "$tmp/copy" "$tmp/files/debs"
cp "${debs[@]}" "$tmp/files/debs/"
cp "$tmp/inside" "$tmp/files/"
ok "the packages are installed and purged" in_copy
is "DKMS has built and installed the module for each kernel" "$(cat "$tmp/files/built")" \
	"$(basename -a /lib/modules/* | sort)"
is "a purge leaves nothing but the key that DKMS signs with" \
	"$(sed -n 's/^[<>] //p' "$tmp/files/left" | xargs)" "/var/lib/dkms/mok.key /var/lib/dkms/mok.pub"
done_testing
