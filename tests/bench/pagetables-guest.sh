#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The measuring part of `make bench-pagetables`: on a machine that does nothing
# else, usually the virtual one, loads the module, runs build/tests/bench/pagetables
# and prints what it measured, as CSV below lines that say on what.
#
# Usage: tests/bench/pagetables-guest.sh [--quick] [OPTION-OF-PAGETABLES...] >CSV
#
# --quick measures little, in a minute: whether it works, no figures to quote.
# PAGES_1G=N tries to have N pages of 1 GiB; what was reserved at boot is kept.
# HOST=TEXT says what the machine is emulated on.
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

# What the machine says of itself: that QEMU emulates it is in its model's name.
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
