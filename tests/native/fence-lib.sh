# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # address and the like are those of lib.sh
# Clients by hand, for tests of what becomes of a write whose client has connected to another
# network process. A script sources this file after lib.sh.

# np_of_last: print the number of the network process that has accepted a connection since the last
# call
np_of_last()
{
	local i now

	counters_refresh
	for i in 0 1; do
		now=$(counter "arena-np $i" connections)
		[ "$now" = "${fence_seen[i]:-0}" ] || echo "$i"
		fence_seen[i]=$now
	done
}

# enter EXPORT: connect, and set $fd to the connection and $np to the number of its process
enter()
{
	exec {fd}<>"/dev/tcp/${address%:*}/${address##*:}"
	timeout 60 head -c 18 <&"$fd" >/dev/null
	printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0%b%s' "\\x$(printf %02x ${#1})" "$1" >&"$fd"
	timeout 60 head -c 10 <&"$fd" >/dev/null
	np_of_last >"$tmp/np"
	np=$(cat "$tmp/np")
}

# enter_elsewhere EXPORT NP: the same at another process than NP; others are left open
enter_elsewhere()
{
	local i

	for i in {1..40}; do
		enter "$1"
		[ "$np" = "$2" ] || return 0
	done
	return 1
}

# enter_at EXPORT NP: the same at the process NP
enter_at()
{
	enter_elsewhere "$1" $((1 - $2))
}

# ask FD TYPE BLOCK LENGTH: send the header of a request; a block has 4096 bytes
ask()
{
	printf "\\x25\\x60\\x95\\x13\0\0\0\\x$(printf %02x "$2")cookie-%d$(printf \
		'\\x%s' 00 00 00 00 00 "$(printf %02x $(($3 >> 4 & 255)))" \
		"$(printf %02x $((($3 & 15) << 4)))" 00 \
		00 00 "$(printf %02x $(($4 >> 8)))" "$(printf %02x $(($4 & 255)))")" "$2" >&"$1"
}

# send_bytes FD LETTER COUNT
send_bytes()
{
	head -c "$3" /dev/zero | tr '\0' "$2" >&"$1"
}

# ask_write FD BLOCK LETTER: ask to fill a block
ask_write()
{
	ask "$1" 1 "$2" 4096
	send_bytes "$1" "$3" 4096
}

# error_of FD: print the error in the next reply
error_of()
{
	timeout 60 head -c 16 <&"$1" | od -An -j4 -N4 -tx1 | tr -d ' \n'
}

# letter_of FD BLOCK: print the first byte of a block
letter_of()
{
	ask "$1" 0 "$2" 1
	timeout 60 head -c 17 <&"$1" | tail -c 1
}

np_pid()
{
	children arena-np | sed -n "$(($1 + 1))p"
}

# stop_np NP: stop a process; it has stopped when this returns
stop_np()
{
	kill -STOP "$(np_pid "$1")"
	wait_for 30 grep -q '^State:[[:space:]]*T' "/proc/$(np_pid "$1")/status"
}

# outdated PROGRAM: how many requests were refused because others have written newer data
outdated()
{
	counters_refresh
	counter "$1" outdated
}

# built_without FOLDER PROGRAM LIBRARY...: build a program into FOLDER with the C code of stdin in place
# of the functions that it names
built_without()
{
	local folder=$1 program=$2 flags

	shift 2
	cat >"$folder/fence.c"
	read -ra flags <"$BUILD/obj/flags"
	# The first definition of a function counts.
	"${flags[@]}" -c -o "$folder/fence.o" "$folder/fence.c" &&
		"${flags[@]}" -o "$folder/$program" \
			"$BUILD/obj/user/${program#arena-}/main.o" "$folder/fence.o" \
			-Wl,-z,muldefs -Wl,--start-group "$BUILD/obj/parts-${program#arena-}.a" \
			"$BUILD"/obj/lib*.a -Wl,--end-group -luring -lseccomp "$@"
}

# without_fence FOLDER: put the programs there, among them an arena-sp whose fence refuses nothing
without_fence()
{
	mkdir "$1"
	ln -s "$BUILD/arena-np" "$1"
	built_without "$1" arena-sp -lnvme <<-'END'
		#include <sp/fence.h>
		bool sp_fence_refuses(const struct sp *sp, const struct sp_request *r)
		{
			(void)sp;
			(void)r;
			return false;
		}
	END
}

# np_without_fence FOLDER: the same with an arena-np for which nobody else has changed anything
np_without_fence()
{
	mkdir "$1"
	ln -s "$BUILD/arena-sp" "$1"
	built_without "$1" arena-np -lgnutls <<-'END'
		#include <np/fence.h>
		uint64_t fence_changed_ns(const struct np_fence *f, const struct request *r)
		{
			(void)f;
			(void)r;
			return 0;
		}
	END
}
