# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests/vm/enter, tests/vm/vm and tests/run.sh have to know of a kernel build tree, in
# which the user built a kernel. Source common.sh first.

# A kernel is named by its series (6.12), or it is the path of a tree.
kernel_is_tree()
{
	[[ $1 == */* ]]
}

# Options without which the machine or the module cannot work, each with its purpose; where
# it says m, a module is enough.
tree_needs='
TRANSPARENT_HUGEPAGE y the module
HUGETLBFS y the module: its memory comes from the huge page pools
MMU_NOTIFIER y the module; CONFIG_KVM selects it
MODULES y the module
MODULE_UNLOAD y the tests: they end with rmmod
IO_URING y the daemons and most tests
DEBUG_FS y the tests: they look at /sys/kernel/debug/msharearena
ACPI y the machine
PCI y the machine
SERIAL_8250_CONSOLE y the log of the kernel, console=ttyS0
PRINTK y the log of the kernel
VIRTIO_PCI m the ports that carry what tests say
VIRTIO_CONSOLE m the ports that carry what tests say
BLK_DEV_NVME m the disks
EXT4_FS m the root and the disk that carries the tree
MSDOS_PARTITION y the root has a partition table
DEVTMPFS y the machine has no udev
PROC_FS y programs
SYSFS y programs
TMPFS y /tmp, /run, /dev/shm
MAGIC_SYSRQ y the end of the machine
BINFMT_ELF y programs
BINFMT_SCRIPT y programs: the tests are scripts
MULTIUSER y tests of permissions
FUTEX y programs
EPOLL y programs
UNIX y programs
INET y the NBD server listens
'

# Options that single tests need, y or m. Without them these tests are skipped or fail.
tree_wants='
BLK_DEV_NBD system/test-kernel-nbd and the end of the demonstration
KVM_AMD uapi/kvm, on an emulated processor
USERFAULTFD uapi/uffd
MEMORY_FAILURE uapi/poison
HWPOISON_INJECT uapi/poison
MEMCG uapi/limits-memcg
CGROUP_HUGETLB uapi/accounting
BLK_DEV_THROTTLING tests that need a slow disk
USER_NS uapi/perm-ns
EVENT_TRACING uapi/trace
NUMA uapi/policy
KSM uapi/advice
IDLE_PAGE_TRACKING uapi/observe
MEM_SOFT_DIRTY uapi/observe
SECRETMEM uapi/donor
XDP_SOCKETS uapi/corners
DAMON_VADDR uapi/corners
'

# tree_config OPTION: print its value, or nothing if it is not set
tree_config()
{
	sed -n "s/^CONFIG_$1=//p" "$ktree/include/config/auto.conf" | tr -d '"'
}

# tree_lacks_needs, tree_lacks_wants: print "CONFIG_X: purpose" for each line of the tables
# above that the tree does not satisfy
tree_lacks_needs()
{
	local option level what has

	while read -r option level what; do
		[ -n "$option" ] || continue
		has=$(tree_config "$option")
		[ "$has" = y ] || [ "$has" = "$level" ] ||
			echo "CONFIG_$option${has:+=$has, not y}: $what"
	done <<<"$tree_needs"
	[ -z "$(tree_early_modules)" ] || [ "$(tree_config BLK_DEV_INITRD)" = y ] ||
		echo "CONFIG_BLK_DEV_INITRD: an initramfs, as these drivers are modules:" \
			"$(tree_early_modules | xargs)"
}

tree_lacks_wants()
{
	local option what

	while read -r option what; do
		[ -z "$option" ] || [[ $(tree_config "$option") == [ym] ]] ||
			echo "CONFIG_$option: $what"
	done <<<"$tree_wants"
}

# The modules without which the machine cannot read its disk.
tree_early_modules()
{
	local pair

	for pair in BLK_DEV_NVME:nvme EXT4_FS:ext4 VIRTIO_PCI:virtio_pci \
		VIRTIO_CONSOLE:virtio_console; do
		[ "$(tree_config "${pair%:*}")" != m ] || echo "${pair#*:}"
	done
}

# The header of bzImage has the kernel's release.
tree_image_release()
{
	local image=$ktree/arch/x86/boot/bzImage offset

	offset=$(od -An -t u2 -j $((0x20e)) -N 2 "$image")
	tail -c +$((offset + 0x200 + 1)) "$image" | head -c 100 | tr '\0' '\n' |
		sed -n '1s/ .*//p'
}

# True for a kernel that checks itself and is therefore many times slower than others.
tree_checks_itself()
{
	[ "$(tree_config KASAN)" = y ] || [ "$(tree_config PROVE_LOCKING)" = y ] ||
		[ "$(tree_config DEBUG_KMEMLEAK)" = y ]
}

# has_files FILE...: true if all of them exist
has_files()
{
	local file

	for file in "$@"; do
		[ -e "$file" ] || return 1
	done
}

# tree_open PATH: check a tree before anything is built or booted. Sets $ktree (the build
# tree), $ksource (its source) and $krelease. If the tree cannot be used, the script ends
# with a message that says what to do.
tree_open()
{
	local lacks oldest

	ktree=$(realpath -e "$1" 2>/dev/null) || die "no kernel build tree at '$1'"
	# Built with O=, the tree has a link to its source.
	ksource=$ktree
	[ ! -e "$ktree/source" ] || ksource=$(realpath "$ktree/source")
	has_files "$ksource/Kbuild" "$ktree/Makefile" ||
		die "$ktree is no kernel build tree: it is where 'make' built a kernel, or what O= named"
	has_files "$ktree"/include/config/{auto.conf,kernel.release} ||
		die "$ktree has not been built: configure it and run 'make' there"
	krelease=$(<"$ktree/include/config/kernel.release")
	[ "$(tree_config X86_64)" = y ] ||
		die "$ktree is not for x86-64, which msharearena needs"
	oldest=$(meta Linux-Oldest)
	[ "$(printf '%s\n' "$oldest" "$krelease" | sort -V | head -n 1)" = "$oldest" ] ||
		die "Linux $krelease is too old: msharearena needs $oldest or later"
	[ -e "$ktree/arch/x86/boot/bzImage" ] ||
		die "$ktree has no arch/x86/boot/bzImage: run 'make' there. A distribution's headers" \
			"will not do: they build the module (make modules) but are no kernel"
	has_files "$ktree"/{Module.symvers,modules.order} ||
		die "$ktree has no Module.symvers or modules.order: no module was built. Run 'make'" \
			"(or 'make modules') there, not only 'make bzImage'"
	[ "$(tree_image_release)" = "$krelease" ] ||
		die "$ktree is half built: its bzImage is $(tree_image_release), its configuration" \
			"$krelease. Run 'make' there"
	lacks=$(tree_lacks_needs)
	[ -z "$lacks" ] ||
		die "Linux $krelease at $ktree cannot be tested as it is configured. It lacks:"$'\n'"$lacks"
	[ -z "$(tree_config MODULE_SIG_FORCE)" ] ||
		die "Linux $krelease at $ktree loads no module that it was not built with: CONFIG_MODULE_SIG_FORCE"
}
