# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the tests of the whole system in the virtual machine: what the tests of
# the daemons have, on the module and on real disks, $disk0 and $disk1.
# shellcheck disable=SC2034 # used by what is sourced
backend=module
# shellcheck source-path=SCRIPTDIR source=../native/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../native/lib.sh"

PATH=$PATH:/sbin:/usr/sbin
[ -e /dev/msharearena ] || skip_all "needs the module: run in tests/vm/vm"
disk0=${VM_DISK0:?names a disk that may be overwritten}
disk1=${VM_DISK1:?names a disk that may be overwritten}

# free_pages KB: how many huge pages of this size are free
free_pages()
{
	cat "/sys/kernel/mm/hugepages/hugepages-$1kB/free_hugepages"
}

# region WHAT: a number of the region's, from fdinfo of a file that is open on it
region()
{
	local fd

	exec {fd}</dev/mshare/test/ro || return
	awk -v key="mshare_$1:" '$1 == key { print $2 }' "/proc/self/fdinfo/$fd"
	exec {fd}<&-
}

# links: the file of debugfs that shows how the processes are attached
links()
{
	local addr

	addr=$(region addr)
	echo "/sys/kernel/debug/msharearena/${addr#0x}/links"
}

# one_table: do all attached processes have one PUD table in their page tables?
one_table()
{
	awk 'NR > 1 { n++; seen[$3]; seen[$4] }
	     END { for (t in seen) tables++; exit !(n >= 2 && tables == 1) }' "$(links)"
}
