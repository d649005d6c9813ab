#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: of a kernel build tree that will not do it is said, before anything is built
# or booted, what it lacks. The tree is made up.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.sh
. tests/vm/common.sh
# shellcheck source=kernel-tree.sh
. tests/vm/kernel-tree.sh
# common.sh has a tree of its own: ours.
fake=$tmp/linux

# make_tree RELEASE: all that is looked for, and no more
make_tree()
{
	rm -rf "$fake"
	mkdir -p "$fake"/{arch/x86/boot,include/config}
	touch "$fake"/{Makefile,Kbuild,Module.symvers,modules.order}
	echo "$1" >"$fake/include/config/kernel.release"
	{
		echo CONFIG_X86_64=y
		awk 'NF { print "CONFIG_" $1 "=y" }' <<<"$tree_needs$tree_wants"
	} >"$fake/include/config/auto.conf"
	# The version is a string at the offset that the header names, less 0x200.
	{
		head -c $((0x20e)) /dev/zero
		printf '\x00\x03'
		head -c $((0x300 - 0x10)) /dev/zero
		printf '%s (somebody@somewhere) #1 SMP' "$1"
	} >"$fake/arch/x86/boot/bzImage"
}

# set_config OPTION [VALUE]
set_config()
{
	sed -i "/^CONFIG_$1=/d" "$fake/include/config/auto.conf"
	[ -z "${2:-}" ] || echo "CONFIG_$1=$2" >>"$fake/include/config/auto.conf"
}

opens()
{
	(tree_open "$fake" && echo "$krelease at $ktree") >"$tmp/out" 2>"$tmp/err"
}

# refused NAME RE: it is, with a sentence that matches
refused()
{
	not_ok "$1: refused" opens
	ok "$1: says so" grep -qE -- "$2" "$tmp/err"
}

make_tree 6.8.0-31-generic
ok "a tree that has everything" opens
is "of this release" "$(cat "$tmp/out")" "6.8.0-31-generic at $(realpath "$fake")"
rm "$fake/arch/x86/boot/bzImage"
refused "no image" "no arch/x86/boot/bzImage: run 'make' there"
make_tree 6.8.0
rm "$fake/Module.symvers"
refused "no symbols" "no Module.symvers"
make_tree 6.8.0
echo 6.8.0-other >"$fake/include/config/kernel.release"
refused "half built" "half built: its bzImage is 6.8.0, its configuration 6.8.0-other"
make_tree 6.6.30
refused "an old kernel" "Linux 6.6.30 is too old: msharearena needs 6.8 or later"
make_tree 6.8.0
set_config X86_64
refused "another architecture" "not for x86-64"
make_tree 6.8.0
set_config MODULE_SIG_FORCE y
refused "only signed modules" CONFIG_MODULE_SIG_FORCE
make_tree 6.8.0
rm "$fake/include/config/auto.conf"
refused "not configured" "has not been built"
fake=$tmp/nothing
refused "no folder" "no kernel build tree at"
fake=$tmp/linux

make_tree 6.8.0
set_config MMU_NOTIFIER
set_config SERIAL_8250_CONSOLE m
refused "two options missing" "CONFIG_MMU_NOTIFIER: the module; CONFIG_KVM selects it"
ok "the second is said as well" grep -q 'CONFIG_SERIAL_8250_CONSOLE=m, not y: the log' "$tmp/err"
is "and no other" "$(grep -c "CONFIG_.*:" "$tmp/err")" 2

make_tree 6.8.0
set_config BLK_DEV_NVME m
set_config EXT4_FS m
refused "drivers are modules, and no initramfs" "CONFIG_BLK_DEV_INITRD:.*: nvme ext4$"
set_config BLK_DEV_INITRD y
ok "with an initramfs they may be" opens

make_tree 6.8.0
set_config BLK_DEV_NBD
set_config KVM_AMD m
ok "what single tests want is no condition" opens
is "and is listed" "$(ktree=$fake tree_lacks_wants | cut -d: -f1)" CONFIG_BLK_DEV_NBD
done_testing
