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

# views: a line for each attached process: its program, its view by its own maps, and its view
# and the table that its P4D entry holds by the module
views()
{
	local pid view entry table

	while read -r pid view entry table; do
		printf '%s %s %s %s %s\n' "$(cat "/proc/$pid/comm")" \
			"$(sed -n 's|.*/dev/mshare/test/||p' "/proc/$pid/maps")" \
			"$view" "$entry" "$table"
	done < <(tail -n +2 "$(links)" | sort -n)
}

# on_own_views: is the NP on view np-0, each SP on one of sp-0 and so on, and each view a table
# of its own?
on_own_views()
{
	views >"$tmp/views"
	awk '{ n++; seen[$3]; tables[$4]; role = $1; sub("arena-", "", role)
	       if ($2 != $3 || $4 != $5 || $3 !~ "^" role "-[0-9]+$")
			wrong++ }
	     END { for (v in seen) views++; for (t in tables) own++
	       exit !(n >= 2 && !wrong && views == n && own == n && "np-0" in seen &&
		      "sp-0" in seen) }' "$tmp/views" && return
	cat "$tmp/views"
	return 1
}

pages_return()
{
	echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
}

# pages_2m COUNT: have so many pages of 2 MiB until the end of the test
pages_2m()
{
	echo "$1" >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	at_exit pages_return
}
