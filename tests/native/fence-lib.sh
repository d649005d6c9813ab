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

# without_fence FOLDER: put the programs there, among them an arena-sp whose fence refuses nothing
without_fence()
{
	local flags

	mkdir "$1"
	ln -s "$BUILD/arena-np" "$1"
	read -ra flags <"$BUILD/obj/flags"
	echo '#include <sp/fence.h>
		bool sp_fence_refuses(const struct sp *sp, const struct sp_request *r)
		{
			(void)sp;
			(void)r;
			return false;
		}' >"$1/fence.c"
	# The first definition of a function counts.
	"${flags[@]}" -c -o "$1/fence.o" "$1/fence.c" &&
		"${flags[@]}" -o "$1/arena-sp" "$BUILD/obj/user/sp/main.o" "$1/fence.o" \
			-Wl,-z,muldefs -Wl,--start-group "$BUILD/obj/parts-sp.a" \
			"$BUILD"/obj/lib*.a -Wl,--end-group -luring -lnvme -lseccomp
}
