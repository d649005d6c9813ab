# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, address and the like are those of ../native/lib.sh
# A verified load from several clients through several network processes, while processes are
# killed and stopped and connections are cut. A script sources this file after ../native/lib.sh.
#
# The actions are made from a seed before anything is started, one a line, and kept in the file
# "actions" of the folder: MILLISECOND ACTION ARGUMENT...
#
#	kill-np I, kill-sp I		SIGKILL to the process of the kind with number I, modulo how
#					many there are, if it runs
#	stop-np I MS, stop-sp I MS	SIGSTOP, and SIGCONT after MS milliseconds
#	cut I				client I ends its connection and waits until the server does
#	reset I				client I resets its connection
#	reload				SIGHUP to arenad
#	kill-arenad			SIGKILL to arenad, and the next one is started
#	upgrade				SIGUSR2 to arenad
#	disk-WHAT MS			chaos_disk_WHAT MS: what a script can do to its disks, for MS
#					milliseconds
#
# A run writes the histories of the clients (load.c) into the folder, and check.c judges them.

# shellcheck source-path=SCRIPTDIR source=../native/restart-lib.sh
. "$top/tests/native/restart-lib.sh"

chaos_tools=$BUILD/tests/chaos
chaos_exports=(d0 d1)
chaos_clients=3		# for each export
chaos_nps=3
chaos_options=()	# of arenad
chaos_habits=()		# --rash, of the clients
chaos_wants=(--no-errors)	# of the checker; a script that lets disks have errors empties it
# The actions, each as often as it is there
chaos_kinds=(cut cut cut cut reset reset stop-np stop-sp stop-sp reload
	     kill-np kill-sp kill-np kill-sp kill-np kill-sp kill-arenad upgrade)
chaos_jobs=()		# actions that have not ended
chaos_kills=0		# processes that were killed, among them arenad
chaos_runs=0		# lists that chaos_shrink has tried

# random N: set $REPLY to a number below N, from the seed
random()
{
	REPLY=$(((RANDOM << 15 | RANDOM) % $1))
}

# chaos_action MS: print one action
chaos_action()
{
	local kind target

	random "${#chaos_kinds[@]}"
	kind=${chaos_kinds[REPLY]}
	random 64
	target=$REPLY
	case $kind in
	disk-*) random 1000; echo "$1 $kind $((REPLY + 1))" ;;
	stop-*) random 700; echo "$1 $kind $target $((REPLY + 1))" ;;
	reload | kill-arenad | upgrade) echo "$1 $kind" ;;
	*) echo "$1 $kind $target" ;;
	esac
}

# chaos_plan SECONDS SEED: print the actions
chaos_plan()
{
	local ms=500

	RANDOM=$2
	while [ "$ms" -lt $(($1 * 1000)) ]; do
		chaos_action "$ms"
		random 500
		ms=$((ms + REPLY + 20))
	done
}

# chaos_used: print how many buffers each process uses
chaos_used()
{
	local i kinds=(arena-np arena-sp)

	counters_refresh
	for kind in "${kinds[@]}"; do
		for ((i = 0; i < chaos_nps || i < ${#chaos_exports[@]}; i++)); do
			echo "$kind $i: $(counter "$kind $i" used_buffers)"
		done
	done
}

# chaos_settle FOLDER: set $chaos_before to what the processes use when they have nothing to do.
# Buffers of the messages of their start are returned within some seconds.
chaos_settle()
{
	local i

	for i in {1..20}; do
		chaos_before=$(chaos_used)
		sleep 1.5
		[ "$(chaos_used)" != "$chaos_before" ] || return 0
	done
	return 1
}

# chaos_is_full FOLDER BEFORE: are as many buffers free as before the load?
chaos_is_full()
{
	chaos_now=$(chaos_used)
	[ "$chaos_now" = "$2" ]
}

chaos_end_load()
{
	kill "$1" 2>/dev/null
}

# chaos_pid PROGRAM I
chaos_pid()
{
	local n=$chaos_nps

	[ "$1" = arena-np ] || n=${#chaos_exports[@]}
	process_of "$1" $(($2 % n))
}

chaos_signal()
{
	[ -n "$2" ] && kill "-$1" "$2" 2>/dev/null
}

# chaos_kill PID
chaos_kill()
{
	! chaos_signal KILL "$1" || chaos_kills=$((chaos_kills + 1))
}

# chaos_sleep MS
chaos_sleep()
{
	sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

# chaos_stop PID MS
chaos_stop()
{
	chaos_signal STOP "$1"
	chaos_sleep "$2"
	chaos_signal CONT "$1"
}

# chaos_beside COMMAND...: run it beside what follows
chaos_beside()
{
	"$@" &
	chaos_jobs+=("$!")
}

chaos_client()
{
	echo "${chaos_pids[$1 % ${#chaos_pids[@]}]}"
}

# chaos_next_arenad: kill arenad, and start the next one, which adopts the processes
chaos_next_arenad()
{
	chaos_kill "$arenad_pid"
	wait "$arenad_pid" 2>/dev/null
	arenad_again
	wait_for 30 grep -q '^ready' "$tmp/out"
}

# chaos_act ACTION ARGUMENT...
chaos_act()
{
	case $1 in
	kill-np) chaos_kill "$(chaos_pid arena-np "$2")" ;;
	kill-sp) chaos_kill "$(chaos_pid arena-sp "$2")" ;;
	stop-np) chaos_beside chaos_stop "$(chaos_pid arena-np "$2")" "$3" ;;
	stop-sp) chaos_beside chaos_stop "$(chaos_pid arena-sp "$2")" "$3" ;;
	disk-*) chaos_beside "chaos_disk_${1#disk-}" "$2" ;;
	cut) chaos_signal USR1 "$(chaos_client "$2")" ;;
	reset) chaos_signal USR2 "$(chaos_client "$2")" ;;
	reload) chaos_signal HUP "$arenad_pid" ;;
	kill-arenad) chaos_next_arenad ;;
	upgrade) chaos_signal USR2 "$arenad_pid" ;;
	esac
}

now_ms()
{
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# chaos_do FILE: carry out the actions of a file, each at its time
chaos_do()
{
	local began ms action wait

	began=$(now_ms)
	chaos_jobs=()
	while read -r ms action; do
		wait=$((began + ms - $(now_ms)))
		[ "$wait" -le 0 ] || chaos_sleep "$wait"
		# shellcheck disable=SC2086 # words
		chaos_act $action
	done <"$1"
	[ "${#chaos_jobs[@]}" = 0 ] || wait "${chaos_jobs[@]}"
}

# chaos_load FOLDER SEED: start the clients
chaos_load()
{
	rm -f "$1"/client-*
	"$chaos_tools/load" "${chaos_habits[@]}" "${address%:*}" "${address##*:}" "$2" "$1" \
		"$chaos_clients" "${chaos_exports[@]}" >"$1/load" 2>&1 &
	chaos_load_pid=$!
	at_exit chaos_end_load "$chaos_load_pid"
	wait_for 30 grep -q '^ready' "$1/load"
	mapfile -t chaos_pids < <(awk '$1 == "client" { print $3 }' "$1/load")
}

# chaos_finish: let the clients read what they wrote and end; false if one of them is stuck
chaos_finish()
{
	kill -TERM "$chaos_load_pid"
	wait "$chaos_load_pid"
}

# chaos_disk NAME: print the path of the disk of an export
chaos_disk()
{
	echo "$tmp/$1.img"
}

# chaos_zero NAME: have only zeroes on it
chaos_zero()
{
	rm -f "$tmp/$1.img"
	disk "$1" 64M >/dev/null
}

# chaos_check FOLDER: judge the histories and the disks; $verdict is the last line
chaos_check()
{
	local disks=() name status

	for name in "${chaos_exports[@]}"; do
		disks+=(--disk "$name=$(chaos_disk "$name")")
	done
	"$chaos_tools/check" "${chaos_wants[@]}" "${disks[@]}" "$1"/client-* >"$1/verdict" 2>&1
	status=$?
	verdict=$(tail -n 1 "$1/verdict")
	[ "$status" = 0 ] || cat "$1/verdict"
	return "$status"
}

# verdict_of KEY: a number of $verdict
verdict_of()
{
	sed -n "s/.*\\b$1 \\([0-9]*\\).*/\\1/p" <<<"$verdict"
}

# chaos_start ARGUMENT...: start arenad with fresh disks
chaos_start()
{
	local disks=() name

	for name in "${chaos_exports[@]}"; do
		chaos_zero "$name"
		disks+=(--disk "$name=$(chaos_disk "$name")")
	done
	# A process that is killed again and again is started again each time.
	arenad_start --nps "$chaos_nps" --size 768M --max-deaths 0 "${disks[@]}" "$@"
}

# chaos_report FOLDER: report what was done in the last run, and what was found
chaos_report()
{
	diag "actions:$(cut -d' ' -f2 "$1/actions" | sort | uniq -c |
		awk '{ printf " %s %s", $1, $2 }')"
	diag "$chaos_kills processes were killed, $(grep -c ' upgrade$' "$1/actions") upgrades begun," \
		"$(said 'was replaced: process') network processes replaced"
	diag "$verdict"
}

# chaos_run FOLDER SEED: carry out the actions in the folder under load; true if all is well
chaos_run()
{
	local good=0 status=0

	chaos_kills=0
	chaos_settle "$1" || return
	chaos_load "$1" "$2" || return
	chaos_do "$1/actions"
	chaos_finish || { echo "a client got no further"; good=1; }
	wait_for 30 chaos_is_full "$1" "$chaos_before" || {
		echo "used before: $chaos_before"
		echo "used now: $chaos_now"
		good=1
	}
	arenad_stop
	[ "$status" = 0 ] || {
		echo "arenad ended with status $status"
		good=1
	}
	cp "$tmp/log" "$1/log"
	chaos_check "$1" || good=1
	return "$good"
}

# chaos_try FOLDER SEED ACTION...: run only these lines, up to three times; true if it fails
chaos_try()
{
	local folder=$1 seed=$2 i

	shift 2
	chaos_runs=$((chaos_runs + 1))
	mkdir -p "$folder/try"
	printf '%s\n' "$@" >"$folder/try/actions"
	for i in 1 2 3; do
		chaos_start "${chaos_options[@]}"
		chaos_run "$folder/try" "$seed" >"$folder/try/said" 2>&1 || return 0
	done
	return 1
}

# chaos_shrink FOLDER SEED: find a shorter list of actions that fails, too, in 60 tries at most, and
# leave it in the file "shortest". Parts of the list are left out, first halves, then smaller ones.
chaos_shrink()
{
	local lines parts=2 i size less

	mapfile -t lines <"$1/actions"
	while [ "${#lines[@]}" -gt 1 ] && [ "$chaos_runs" -lt 60 ]; do
		size=$(((${#lines[@]} + parts - 1) / parts))
		for ((i = 0; i < ${#lines[@]}; i += size)); do
			less=("${lines[@]:0:i}" "${lines[@]:i + size}")
			chaos_try "$1" "$2" "${less[@]}" || continue
			lines=("${less[@]}")
			parts=$((parts > 2 ? parts - 1 : 2))
			continue 2
		done
		[ "$size" -gt 1 ] || break
		parts=$((parts * 2))
	done
	printf '%s\n' "${lines[@]}" >"$1/shortest"
}
