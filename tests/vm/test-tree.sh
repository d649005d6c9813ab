#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: a kernel build tree that cannot be used is refused before anything is built or
# booted, with a message that says what it lacks. The tree is made up.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.sh
. tests/vm/common.sh
# shellcheck source=kernel-tree.sh
. tests/vm/kernel-tree.sh
# Not $tree, which is the name that common.sh has for our own tree.
fake=$tmp/linux

# make_tree RELEASE: create all files that tree_open() looks for, and no others
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

# set_config OPTION [VALUE]: set it in the tree's configuration; no value removes it
set_config()
{
	sed -i "/^CONFIG_$1=/d" "$fake/include/config/auto.conf"
	[ -z "${2:-}" ] || echo "CONFIG_$1=$2" >>"$fake/include/config/auto.conf"
}

opens()
{
	(tree_open "$fake" && echo "$krelease at $ktree") >"$tmp/out" 2>"$tmp/err"
}

# refused NAME RE: tree_open() refuses the tree with a message that matches
refused()
{
	not_ok "$1 is refused" opens
	ok "the message says why $1 is refused" grep -qE -- "$2" "$tmp/err"
}

make_tree 6.8.0-31-generic
ok "a tree that has everything is accepted" opens
is "the tree's release and path are known" \
	"$(cat "$tmp/out")" "6.8.0-31-generic at $(realpath "$fake")"
rm "$fake/arch/x86/boot/bzImage"
refused "a tree without an image" "no arch/x86/boot/bzImage: run 'make' there"
make_tree 6.8.0
rm "$fake/Module.symvers"
refused "a tree without Module.symvers" "no Module.symvers"
make_tree 6.8.0
echo 6.8.0-other >"$fake/include/config/kernel.release"
refused "a tree that is half built" \
	"half built: its bzImage is 6.8.0, its configuration 6.8.0-other"
make_tree 6.6.30
refused "a tree of a kernel before 6.8" "Linux 6.6.30 is too old: msharearena needs 6.8 or later"
make_tree 6.8.0
set_config X86_64
refused "a tree for another architecture" "not for x86-64"
make_tree 6.8.0
set_config MODULE_SIG_FORCE y
refused "a kernel that loads only signed modules" CONFIG_MODULE_SIG_FORCE
make_tree 6.8.0
rm "$fake/include/config/auto.conf"
refused "a tree that is not configured" "has not been built"
fake=$tmp/nothing
refused "a folder that does not exist" "no kernel build tree at"
fake=$tmp/linux

make_tree 6.8.0
set_config MMU_NOTIFIER
set_config SERIAL_8250_CONSOLE m
refused "a tree that lacks two options" "CONFIG_MMU_NOTIFIER: the module; CONFIG_KVM selects it"
ok "the message names the second missing option" \
	grep -q 'CONFIG_SERIAL_8250_CONSOLE=m, not y: the log' "$tmp/err"
is "the message names no other option" "$(grep -c "CONFIG_.*:" "$tmp/err")" 2

make_tree 6.8.0
set_config BLK_DEV_NVME m
set_config EXT4_FS m
refused "a tree whose drivers are modules, without support for an initramfs" \
	"CONFIG_BLK_DEV_INITRD:.*: nvme ext4$"
set_config BLK_DEV_INITRD y
ok "a tree whose drivers are modules is accepted with support for an initramfs" opens

make_tree 6.8.0
set_config BLK_DEV_NBD
set_config KVM_AMD m
ok "a tree without an option that only single tests need is accepted" opens
is "the option that single tests need is listed" \
	"$(ktree=$fake tree_lacks_wants | cut -d: -f1)" CONFIG_BLK_DEV_NBD
done_testing
