#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The measuring part of `make bench-pagetables`. On an idle machine, usually the virtual one, it
# loads the module, runs build/tests/bench/pagetables, and prints a description of the machine
# and the measurements as CSV.
#
# Usage: tests/bench/pagetables-guest.sh [--quick] [OPTION-OF-PAGETABLES...] >CSV
#
# --quick measures little, in a minute; it shows that the benchmark works, not its figures.
# PAGES_1G=N tries to reserve N pages of 1 GiB; pages that were reserved at boot are kept.
# HOST=TEXT describes the host that emulates the machine.
set -euo pipefail

cd "$(dirname "$0")/../.."
PATH=$PWD/build/tests/bench:$PATH:/sbin:/usr/sbin
quick=()
if [ "${1:-}" = --quick ]; then
	quick=(-n "1,4" -s 1G -S "128M,1G" -f 4 -r 1 -l 5)
	shift
fi
set -- "${quick[@]}" "$@"
gigantic=/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
loaded=

end()
{
	trap - EXIT
	[ -z "$loaded" ] || rmmod msharearena
}
trap end EXIT

# Describes the machine. The name of the processor's model shows that QEMU emulates it.
describe()
{
	local model emulation=none

	model=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1)
	case $model in
	*TCG*) emulation="QEMU TCG, no hardware virtualization" ;;
	*) ! grep -qw hypervisor /proc/cpuinfo || emulation="hardware virtualization" ;;
	esac
	cat <<-EOF
		# kernel: $(uname -r)
		# cpu: $(nproc) x $model
		# emulation: $emulation
		# memory: $(awk '/^MemTotal/ { printf "%d MiB", $2 / 1024 }' /proc/meminfo), $(cat "$gigantic" 2>/dev/null || echo 0) pages of 1 GiB reserved
		# date: $(date -u +%Y-%m-%dT%H:%MZ)
		# options: $*
	EOF
	[ -z "${HOST:-}" ] || echo "# host: $HOST"
}

if ! grep -q '^msharearena ' /proc/modules; then
	insmod "${MSHAREARENA_KO:-build/module/$(uname -r)/msharearena.ko}"
	loaded=1
fi
if [ -n "${PAGES_1G:-}" ] && [ "$(cat "$gigantic")" -lt "$PAGES_1G" ]; then
	echo "$PAGES_1G" >"$gigantic"
fi
describe "$@"
pagetables "$@"
