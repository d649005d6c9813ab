# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and BUILD are those of ../lib.sh
# Network and storage processes that an attacker has taken over: programs that are built from the
# sources of this tree, of which a few lines are changed. They have the channels, the ring, the view
# and the sandbox of the process whose place they take. A test sources this file after lib.sh,
# many-lib.sh and restart-lib.sh, and has arenad start its programs from $tmp/bin.
requires gcc
mkdir "$tmp/bin"
ln -s "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"

# no_change FILE SCRIPT: a change that changes nothing would make a test of nothing
no_change()
{
	echo "no line of $1 is changed by: $2"
	return 1
}

# hostile NAME ROLE FILE SCRIPT...: build arena-np (ROLE is np) or arena-sp (sp) into the folder
# $tmp/NAME, with each FILE of that program changed by a script of sed(1), and all others as they are
hostile()
{
	local folder=$tmp/$1 role=$2 flags file main=$BUILD/obj/user/$2/main.o objects=()

	shift 2
	mkdir -p "$folder"
	read -ra flags <"$BUILD/obj/flags"
	flags+=(-iquote "user/$role" -Wno-error)
	while [ $# -gt 0 ]; do
		file=$folder/$1
		[ -e "$file" ] || cp "user/$role/$1" "$file"
		sed -E -i.before "$2" "$file"
		! cmp -s "$file" "$file.before" || no_change "$1" "$2" || return
		shift 2
	done
	for file in "$folder"/*.c; do
		"${flags[@]}" -c -o "${file%.c}.o" "$file" || return
		if [ "${file##*/}" = main.c ]; then main=${file%.c}.o; else objects+=("${file%.c}.o"); fi
	done
	"${flags[@]}" -o "$folder/arena-$role" "$main" "${objects[@]}" -Wl,--start-group \
		"$BUILD/obj/parts-$role.a" "$BUILD"/obj/lib*.a -Wl,--end-group -luring -lgnutls \
		-lnvme -lseccomp
}

# start_from ROLE ID FOLDER: from now on arenad starts process ID of a role from a folder, and others
# of that role from the build
start_from()
{
	local program=arena-$1

	cat >"$tmp/bin/new" <<END
#!/bin/sh
case " \$* " in
*" --id $2 "*) exec $3/$program "\$@" ;;
esac
exec $BUILD/$program "\$@"
END
	chmod +x "$tmp/bin/new"
	# A shell may be reading the old one.
	mv "$tmp/bin/new" "$tmp/bin/$program"
}

# taken_over ROLE ID NAME: process ID of a role is one of the folder NAME when it is started next
taken_over() { start_from "$1" "$2" "$tmp/$3"; }

# honest ROLE: all processes of a role that are started from now on are those of the build
honest() { start_from "$1" 0 "$BUILD"; }

# is_ready PROGRAM N TIMES: has process N said so often that it serves?
is_ready()
{
	[ "$(grep -cE "^$1 $2: (listening on|network process 1 is there)" "$tmp/log")" -ge "$3" ]
}

# next_process PROGRAM N: kill a process, and wait until the next one runs the program of now
next_process()
{
	local times=1

	while is_ready "$1" "$2" "$times"; do
		times=$((times + 1))
	done
	kill_process "$1" "$2"
	ok "the next $1 $2 comes" wait_for 60 is_ready "$1" "$2" "$times"
}

# at_np N COMMAND...: run a command while the other one of two network processes is stopped, so that
# all clients that it has are those of network process N
at_np()
{
	local other status=0

	other=$(process_of arena-np $((1 - $1)))
	shift
	kill -STOP "$other"
	"$@" || status=$?
	kill -CONT "$other"
	return "$status"
}

# io EXPORT COMMAND: let qemu-io do something with an export
io() { timeout 30 qemu-io -f raw -c "$2" "nbd://$address/$1"; }

# read_start EXPORT: run a client that reads the last 256 KiB of an export for ever, and wait until it
# has begun. The number of its reads is the number of lines of $tmp/reads
read_start()
{
	: >"$tmp/reads"
	nbdsh -u "nbd://$address/$1" -c '
while True:
	h.pread(262144, h.get_size() - 262144)
	print("read", flush=True)
' >"$tmp/reads" 2>>"$tmp/clients" &
	read_pid=$!
	at_exit end_process "$read_pid"
	wait_for 30 grep -q read "$tmp/reads"
}

# read_stop: end that client
read_stop() { end_process "$read_pid"; }

# reads_stand: has the client that reads ended no read for a second?
reads_stand()
{
	local before

	before=$(wc -l <"$tmp/reads")
	sleep 1
	[ "$(wc -l <"$tmp/reads")" = "$before" ]
}

# work_of PID: print how long a process has run on a processor, in ticks
work_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# is_busy PID: does a process work for a part of a second?
is_busy()
{
	local before

	before=$(work_of "$1")
	sleep 1
	[ "$(($(work_of "$1") - before))" -ge "$(($(getconf CLK_TCK) / 10))" ]
}
