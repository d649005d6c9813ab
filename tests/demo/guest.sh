#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demonstration's part in the virtual machine: loads the module, starts the
# daemons and lets clients that the project did not write drive them. Any
# machine will do that can load the module and has two disks to overwrite:
#
# Usage: tests/demo/guest.sh [--backend block|nvme] [--units] [DISK0 DISK1]
#
# With --units, which is for a virtual machine that systemd runs, the package of `make deb` is
# installed, its units run the daemons, and an operator's commands are shown, too (units.sh).
#
# The disks are block devices, $VM_DISK0 and $VM_DISK1 by default. With the backend nvme the
# daemons are given /dev/ngXnY in place of /dev/nvmeXnY, to send NVMe commands past the block
# layer; what is on the disks is still looked at through the block devices.
#
# Exit status 0: everything it says held. 1: something did not. 2: usage.
set -euo pipefail

cd "$(dirname "$0")/../.."
backend=block units=''
while :; do
	case ${1:-} in
	--backend) backend=${2:-none}; shift 2 || shift ;;
	--units) units=1; shift ;;
	*) break ;;
	esac
done
# With units, the programs are the package's.
[ -n "$units" ] || PATH=$PWD/build:$PATH
PATH=$PATH:/sbin:/usr/sbin
disk0=${1:-${VM_DISK0:-}} disk1=${2:-${VM_DISK1:-}}
case $backend in block | nvme) ;; *) disk0='' ;; esac
if [ -z "$disk0" ] || [ -z "$disk1" ]; then
	sed -n '/^# Usage/,/^# Exit/s/^# \?//p' "$0" >&2
	exit 2
fi
name=demo
began=$SECONDS
tmp=$(mktemp -d)
arenad='' loaded='' failed=0
# How many processes were replaced by an upgrade, and the line of the log at which one was killed.
upgraded=0 killed_at=1
# By view: the first line of the log that its process may have written; 1 if it is not here.
declare -A log_from=()
# Each process has pages of its own, so these are not of 1 GiB.
mib=512 nps=2 sps=2
pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
pages=$(cat $pool)

step()
{
	printf '[%3ds] %s\n' "$((SECONDS - began))" "$*"
}

# read_log: have what arenad and its processes have said so far in $tmp/arenad.log
read_log()
{
	[ -z "$units" ] || read_journal
}

# log_end: the number of the line that the log will have next
log_end()
{
	read_log
	echo $(($(wc -l <"$tmp/arenad.log") + 1))
}

# log_anew VIEW...: what the processes on these views have said so far does not count any more
log_anew()
{
	local view line

	line=$(log_end)
	for view; do
		log_from[$view]=$line
	done
}

die()
{
	step "FAILED: $*"
	read_log
	[ ! -e "$tmp/arenad.log" ] || sed 's/^/        /' "$tmp/arenad.log"
	exit 1
}

end_all()
{
	trap - EXIT
	mountpoint -q "$tmp/mnt" 2>/dev/null && umount "$tmp/mnt"
	[ ! -e /sys/block/nbd0/pid ] || nbd-client -d /dev/nbd0 >/dev/null 2>&1
	[ -z "$arenad" ] || kill "$arenad" 2>/dev/null || true
	[ -z "$units" ] || end_units
	wait
	[ -z "$loaded" ] || rmmod msharearena
	echo "$pages" >$pool
	rm -rf "$tmp"
}
trap end_all EXIT

# show WHAT COMMAND...: what a command says
show()
{
	step "$1"
	shift
	if ! "$@" 2>&1 | sed 's/^/        /'; then
		step "  NOT OK: $*"
		failed=$((failed + 1))
	fi
}

# table: print lines of words in columns
table()
{
	awk '{ for (i = 1; i <= NF; i++) {
			word[NR, i] = $i
			if (length($i) > width[i])
				width[i] = length($i)
	       }
	       n = NF }
	     END { for (line = 1; line <= NR; line++) {
			printf "       "
			for (i = 1; i <= n; i++)
				printf " %-" width[i] "s", word[line, i]
			print ""
	     } }'
}

# check WHAT COMMAND...: one thing that is to hold; its output only if it doesn't
check()
{
	local what=$1

	shift
	if "$@" >"$tmp/output" 2>&1; then
		step "  ok: $what"
	else
		step "  NOT OK: $what"
		tail -n 20 "$tmp/output" | sed 's/^/        /'
		failed=$((failed + 1))
	fi
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# counters KEY: the sum over all processes, each of which logs its counters when it ends
counters()
{
	awk -v key="$1" '/: counters / {
		for (i = 2; i <= NF; i++) {
			split($i, kv, "=")
			if (kv[1] == key)
				sum += kv[2]
		}
	} END { print sum + 0 }' "$tmp/arenad.log"
}

is_ready()
{
	grep -q '^ready' "$tmp/arenad.out" && return
	kill -0 "$arenad" 2>/dev/null || die "arenad has ended"
	return 1
}

load_module()
{
	local module

	if [ -e /dev/msharearena ]; then
		step "the module is loaded already"
		return
	fi
	module=build/module/$(uname -r)/msharearena.ko
	[ -e "$module" ] || die "no $module: run 'make modules'"
	insmod "$module"
	loaded=1
	step "msharearena.ko is loaded into Linux $(uname -r)"
}

# served DISK: the device that the daemons are given
served()
{
	local path

	path=$(realpath "$1")
	case $backend in
	nvme) echo "${path/\/nvme/\/ng}" ;;
	*) echo "$path" ;;
	esac
}

start_daemons()
{
	local one two

	one=$(served "$disk0")
	two=$(served "$disk1")
	# These users exist everywhere. The installed sysusers.d has users of arena's own.
	chown games "$one" "$two" "$(realpath "$disk0")" "$(realpath "$disk1")"
	echo $((pages + mib / 2)) >$pool
	step "arenad makes a region of $mib MiB and starts $nps arena-np, and $sps arena-sp for $one, $two"
	arenad --region $name --size ${mib}M --page-size 2M --listen 127.0.0.1:0 --nps $nps --verbose \
		--disk "one=$one" --disk "two=$two" --np-user nobody --sp-user games \
		>"$tmp/arenad.out" 2>"$tmp/arenad.log" &
	arenad=$!
	wait_for 60 is_ready || die "arenad does not become ready"
	address=$(awk '/^ready/ { print $2; exit }' "$tmp/arenad.out")
	uri_one=nbd://$address/one
	uri_two=nbd://$address/two
	step "clients may come to nbd://$address"
}

# region WHAT: what fdinfo of a file that is open on the region says
region()
{
	local fd

	exec {fd}</dev/mshare/$name/ro
	awk -v key="mshare_$1:" '$1 == key { print $2 }' "/proc/self/fdinfo/$fd"
	exec {fd}<&-
}

# How each process sees the region: by its own maps where and through which view, by the module
# which view and which table that is, and by its own page tables which table.
list_sharing()
{
	local pid view entry table address path at

	at=$(region addr)
	while read -r pid view entry table; do
		read -r address path < <(awk '/\/dev\/mshare\// { print $1, $6; exit }' \
			"/proc/$pid/maps")
		printf '%s %s 0x%s %s %s %s %s\n' "$(cat "/proc/$pid/comm")" "$pid" \
			"${address%%-*}" "${path##*/}" "$view" "$entry" "$table"
	done < <(tail -n +2 "/sys/kernel/debug/msharearena/${at#0x}/links" | sort -n) >"$tmp/sharing"
}

show_sharing()
{
	list_sharing
	step "how each process sees the region"
	{
		echo process pid region-at view table-page
		awk '{ print $1, $2, $3, $4, $6 }' "$tmp/sharing"
	} | table
}

# status PID KEY: a line of /proc/PID/status
status()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# namespaces PID: those that the process has and we do not, with commas between them
namespaces()
{
	local space own

	for space in ipc mnt net uts; do
		own=$(readlink "/proc/self/ns/$space")
		[ "$(readlink "/proc/$1/ns/$space")" = "$own" ] || echo "$space"
	done | paste -sd ,
}

# files PID: how many files the process could name
files()
{
	find "/proc/$1/root/" -xdev -mindepth 1 2>/dev/null | head -n 1000 | wc -l
}

# landlock VIEW: what Landlock keeps the process from. /proc does not show it, so the process says
# it in the log; what its predecessor has said there does not count.
landlock()
{
	local rules

	rules=$(tail -n "+${log_from[$1]:-1}" "$tmp/arenad.log" |
		sed -n "s/^arena-${1%-*} ${1#*-}: .*sandbox: Landlock for \([a-zA-Z]*\).*: on$/\1/p" |
		sort -fu | paste -sd ,)
	echo "${rules:-nothing}"
}

# Write down what each process is allowed. A column has no blanks in it.
list_rights()
{
	local pid view

	read_log
	while read -r _ pid _ view _; do
		printf '%s %s %s %s %s %s %s %s %s %s\n' "$view" "$pid" \
			"$(ps -o user= -p "$pid")" "$(status "$pid" CapEff)" \
			"$(status "$pid" CapBnd)" "$(status "$pid" NoNewPrivs)" \
			"$(status "$pid" Seccomp)" "$(namespaces "$pid")" "$(landlock "$view")" \
			"$(files "$pid")"
	done <"$tmp/sharing" >"$tmp/rights"
}

show_rights()
{
	list_rights
	step "what each process is allowed (Seccomp 2: a list of system calls)"
	{
		echo view pid user CapEff CapBnd NoNewPrivs Seccomp own-namespaces Landlock files
		cat "$tmp/rights"
	} | table
}

have_no_rights()
{
	awk -v all=$((nps + sps)) '
		{ n++; if ($3 == "root" || ($4 $5) !~ /^0+$/ || $6 != 1 || $7 != 2 ||
			$8 != "ipc,mnt,net,uts" || $9 !~ "files" || $10) wrong++ }
		END { exit !(n == all && !wrong) }' "$tmp/rights"
}

lists_no_rights()
{
	list_rights
	have_no_rights
}

is_at_one_address()
{
	awk -v all=$((nps + sps)) '{ n++; at[$3] }
		END { for (a in at) i++; exit !(n == all && i == 1) }' "$tmp/sharing"
}

# Each process is on the view of its role, and no two of them on one.
has_own_views()
{
	awk -v all=$((nps + sps)) '
		{ n++; views[$1 " " $4]; tables[$6]; if ($4 != $5 || $6 != $7) wrong++ }
		END { for (t in tables) own++
		      exit !(n == all && own == all && !wrong && "arena-np np-0" in views &&
			     "arena-np np-1" in views && "arena-sp sp-0" in views &&
			     "arena-sp sp-1" in views) }' "$tmp/sharing"
}

# on_view VIEW: the id of the process that is attached through it
on_view()
{
	awk -v view="$1" '$4 == view { print $2 }' "$tmp/sharing"
}

# The last byte of the region belongs to the last SP. What its page tables let a process do with
# it, a debugger can do there, too.
can_read() { dd if="/proc/$(on_view "$1")/mem" "of=$tmp/byte" bs=1 count=1 "skip=$last"; }
can_write() { dd "if=$tmp/byte" of="/proc/$(on_view "$1")/mem" bs=1 count=1 "seek=$last" conv=notrunc; }
cannot() { ! "$@"; }

try_views()
{
	step "the last byte of the region is the second arena-sp's"
	last=$(($(region addr) + (mib << 20) - 1))
	check "arena-sp on view sp-1 can read it" can_read sp-1
	check "arena-sp on view sp-1 can write it" can_write sp-1
	check "arena-np on view np-0 can read it" can_read np-0
	check "arena-np on view np-0 cannot write it" cannot can_write np-0
	check "arena-np on view np-1 cannot write it either" cannot can_write np-1
	check "arena-sp on view sp-0 cannot even read it" cannot can_read sp-0
}

# is_attached BY: so many processes are, to a region that has its memory and a name
is_attached()
{
	[ "$(region attached) $(region exported) $(region unlinked)" = "$1 $((mib << 20)) 0" ]
}

copy_image()
{
	step "nbdcopy: a random image of 64 MiB, in and out"
	head -c 64M /dev/urandom >"$tmp/image"
	sum=$(sha256sum <"$tmp/image")
	check "nbdcopy into the disk" nbdcopy --flush "$tmp/image" "$uri_one"
	# Its own shell, without pipefail: head ends what is longer than the image.
	check "nbdcopy out of it" bash -c "nbdcopy $uri_one - | head -c 64M >$tmp/back"
	check "the checksums are equal" test "$sum" = "$(sha256sum <"$tmp/back")"
	check "what is on the raw disk has it too" test "$sum" = \
		"$(dd "if=$disk0" bs=1M count=64 iflag=direct status=none | sha256sum)"
}

# fio_both OPTION...: random writes on both disks at once, and what was written is verified
fio_both()
{
	fio --ioengine=nbd --rw=randwrite --bsrange=4k-128k --size=64M --io_size=48M --iodepth=16 \
		--verify=crc32c --verify_state_save=0 "$@" \
		--name=one "--uri=$uri_one" --name=two "--uri=$uri_two"
}

run_fio()
{
	step "fio: random writes with --verify on both disks at once"
	check "fio verifies every block" fio_both
}

use_file_system()
{
	step "the kernel's nbd client: a file system on the second disk"
	modprobe nbd nbds_max=2 || die "this kernel has no nbd module"
	# A device that udev has open, as it is new, is in use for nbd-client.
	[ ! -d /run/udev ] || udevadm settle
	mkdir "$tmp/mnt"
	check "nbd-client" nbd-client "${address%:*}" "${address##*:}" -N two /dev/nbd0
	check "mkfs.ext4" mkfs.ext4 -q -F /dev/nbd0
	check "mount" mount /dev/nbd0 "$tmp/mnt"
	check "files are written" cp -r kmod user include "$tmp/mnt/"
	check "umount" umount "$tmp/mnt"
	check "fsck.ext4" fsck.ext4 -f -n /dev/nbd0
	check "mount again" mount /dev/nbd0 "$tmp/mnt"
	check "the files are the same" eval "diff -r kmod $tmp/mnt/kmod &&
		diff -r user $tmp/mnt/user && diff -r include $tmp/mnt/include"
	check "umount" umount "$tmp/mnt"
	check "disconnect" nbd-client -d /dev/nbd0
}

# is_replaced PID: is another process than this one attached through the view np-0?
is_replaced()
{
	list_sharing
	[ -n "$(on_view np-0)" ] && [ "$(on_view np-0)" != "$1" ]
}

kill_np()
{
	local old killed

	old=$(on_view np-0)
	step "arena-np on view np-0, pid $old, is killed"
	log_anew np-0
	killed_at=${log_from[np-0]}
	killed=$(date +%s%N)
	kill -KILL "$old"
	check "another arena-np takes its place and its view" wait_for 30 is_replaced "$old"
	step "  pid $(on_view np-0) was attached $((($(date +%s%N) - killed) / 1000000)) ms after the kill"
	# It gives its rights up shortly before it serves.
	check "it has no more rights than the one that was killed" wait_for 30 lists_no_rights
	show_rights
	check "both arena-np serve clients" serve_each
	check "the region is attached by $((nps + sps)) processes again" is_attached $((nps + sps))
}

# has_served: has each arena-np that runs done reads and writes? arenactl is not built everywhere.
has_served()
{
	command -v arenactl >"$tmp/which" || return 0
	arenactl counters | awk -v nps=$nps '
		/^[ns]p [0-9]/ { who = $1 }
		who == "np" && ($1 == "reads" || $1 == "writes") && $2 > 0 { done++ }
		END { exit done != 2 * nps }'
}

# A part of the image is written and read until each of both has had a client: they take them in turn,
# but not every connection of nbdcopy carries data. The second copy has its own shell, without pipefail:
# head ends what is longer than that.
serve_each()
{
	local part=16M

	head -c $part "$tmp/image" >"$tmp/part"
	for _ in 1 2 3 4 5 6 7 8; do
		nbdcopy --connections=4 --flush "$tmp/part" "$uri_one" || return
		bash -c "nbdcopy --connections=4 $uri_one - | head -c $part | cmp - $tmp/part" || return
		! has_served || return 0
	done
	return 1
}

stop_daemons()
{
	local status=0

	kill -TERM "$arenad"
	wait "$arenad" || status=$?
	arenad=''
	check "arenad stops cleanly on SIGTERM" test "$status" = 0
	check "no page and no attachment is left" test ! -e /dev/mshare/$name
}

summary()
{
	local copied written

	read_log
	copied=$(counters copied_bytes)
	written=$(counters bytes_written)
	# The first bytes of a payload may come with the header before it.
	check "less than a tenth of what was written was copied between socket and disk" \
		test $((copied * 10)) -lt "$written"
	check "messages were handed over" test "$(counters handoffs_sent)" -gt 1000
	check "none was bad" test "$(counters bad_messages)" = 0
	echo
	echo "  region address      $(awk '{ printf "%s %s  ", $4, $3 }' "$tmp/sharing")"
	echo "  user                $(awk '{ printf "%s %s  ", $1, $3 }' "$tmp/rights")"
	echo "  page-table page     $(awk '{ printf "%s %s  ", $4, $6 }' "$tmp/sharing")"
	[ "$upgraded" = 0 ] || echo "  upgraded            $upgraded processes, while fio wrote and verified"
	echo "  restarted           $(tail -n "+$killed_at" "$tmp/arenad.log" |
		grep -c 'is started again') process, in place of the one that was killed"
	echo "  handoffs            $(counters handoffs_sent) messages"
	echo "  disk                $(counters bytes_read) bytes read, $written written"
	echo "  copied in between   $copied bytes by the NP, of those written"
	if [ "$failed" = 0 ]; then
		echo "  verification        all passed: nbdcopy, fio, ext4"
	else
		echo "  verification        $failed FAILED"
	fi
}

if [ -n "$units" ]; then
	# shellcheck source=units.sh
	. tests/demo/units.sh
	install_package
	load_module
	start_unit
else
	load_module
	start_daemons
fi
show_sharing
check "the region is at one address in all processes" is_at_one_address
check "each process has the view of its role, with a table of its own" has_own_views
show_rights
check "no process is root, has or can get a capability, sees a file or another network, or may make any system call" \
	have_no_rights
check "the region has $mib MiB and is attached by $((nps + sps)) processes" is_attached $((nps + sps))
try_views
check "nbdinfo knows the disk" test "$(nbdinfo --size "$uri_one")" = "$(blockdev --getsize64 "$disk0")"
check "nbdinfo --list shows both" test "$(nbdinfo --list "nbd://$address" | grep -c '^export=')" = 2
if [ -n "$units" ]; then
	show "arenactl status" arenactl status
	copy_image
	reload
	upgrade_under_fio
else
	copy_image
	run_fio
fi
use_file_system
kill_np
if [ -n "$units" ]; then
	read_metrics
	stop_units
else
	stop_daemons
fi
summary
[ "$failed" = 0 ]
