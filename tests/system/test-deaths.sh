#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: if a process of arenad dies, the others end, arenad names the process, and the
# region and its huge pages are freed. A region that a killed arenad left can be replaced.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires fio nbdinfo

# Enough for two regions.
pages_2m 256
free=$(free_pages 2048)
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
start() { arenad_start --size 256M --page-size 2M --disk "one=$disk0" "$@"; }
load()
{
	fio --name=load --ioengine=nbd "--uri=nbd://$address/one" --rw=randrw --bs=16k \
		--size=64M --iodepth=16 --time_based --runtime=60 >"$tmp/load" 2>&1 &
	load=$!
	sleep 2
}

for program in arena-np arena-sp; do
	start --hold 0
	load
	# All of them, since arenad goes on while it has one of several network processes.
	children $program | xargs kill -KILL
	arenad_wait
	is "arenad ends with status 1 if $program is killed under load" "$status" 1
	ok "arenad names the signal that killed $program" says "was killed by signal 9"
	not_ok "the client fails if $program is killed" wait "$load"
	not_ok "the region's name is removed if $program is killed" test -e /dev/mshare/test
	ok "all huge pages are free after $program was killed" wait_for 20 pages_back
done

start
load
arenad_kill
arenad_wait
not_ok "the client fails if arenad and all of its processes are killed" wait "$load"
ok "the region of an arenad that was killed with its processes still has its name" test -e /dev/mshare/test/rw
arenad_run --size 256M --page-size 2M --disk "one=$disk0"
arenad_wait
is "a new arenad refuses a name that is taken" "$status" 1
ok "the new arenad names the option --replace" says "--replace"
start --replace
ok "arenad with --replace serves clients" nbdinfo "nbd://$address/one"
size=$((384 * NPS)) pages=$((128 * NPS))
arenad --region more --backend module --size "${size}M" --nps "$NPS" --disk "two=$(disk two 64M)" \
	--listen 127.0.0.1:0 >/dev/null 2>"$tmp/more"
is "arenad ends with status 1 if another one has the huge pages that it needs" $? 1
ok "arenad says that it waits for huge pages, how many it needs and how many are free" grep -q \
	"$((size / 2)) huge pages of 2048 KiB are needed, and $pages of $((2 * pages)) are free: waiting" \
	"$tmp/more"
arenad_stop
is "arenad with --replace ends with status 0" "$status" 0
ok "all huge pages are free after the replaced region ended" wait_for 20 pages_back
done_testing
