// SPDX-License-Identifier: MIT
/*
 * Code that has taken a daemon over: a library that is loaded into arena-np and arena-sp by
 * LD_PRELOAD. On SIGUSR2 it tries what the value of the signal says, from inside the process, with
 * its ring, its descriptors and its view, and writes the result to standard error:
 *
 *	breakout: NUMBER refused (ERROR) | refused by the filter | SUCCEEDED
 *
 * With the value 0 it writes the table of all attempts of this program:
 *
 *	breakout-table: NUMBER BY NAME
 *
 * BY has a letter for each defence that stops the attempt alone:
 *
 *	F  the filter of system calls		V  the view of the region
 *	L  Landlock				R  the restrictions of rings
 *	N  the namespaces			G  the limits
 *	P  to have no capability		k  the kernel, the module or the peer, always
 *
 * Attempts with V or M can be made on the module only, and those with x not where they would
 * succeed, as the process could not go on. With $BREAKOUT_LIVE a system call that the filter
 * refuses does not end the process.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>

#include "by-call.h"
#include "by-listener.h"
#include "by-ring.h"
#include "shared-queue.h"
#include "to-arenad.h"
#include "without.h"

#define NP	1U
#define SP	2U
#define BOTH	(NP | SP)

/**
 * struct attempt - something that code in a daemon tries
 * @by: what stops it, see above
 * @name: what it is, after "code in arena-np cannot"
 * @who: NP, SP or BOTH
 * @run: tries it; a negative error if it was refused
 */
struct attempt {
	const char *by;
	const char *name;
	unsigned int who;
	int (*run)(void);
};

static const struct attempt attempts[] = {
	{ "FLN", "open a disk that is not its own", BOTH, open_disk },
	{ "FLN", "read a file", BOTH, read_file },
	{ "FLN", "make a file", BOTH, make_file },
	{ "FLNx", "execute a program", BOTH, execute },
	{ "FN", "make a socket and reach a port of this machine", BOTH, reach_port },
	{ "FL", "listen on a port of TCP", BOTH, listen_anywhere },
	{ "F", "start a process", BOTH, start_process },
	{ "F", "start processes without end", BOTH, start_many },
	{ "F", "make a ring", BOTH, make_ring },
	{ "FL", "signal arenad", BOTH, signal_arenad },
	{ "FL", "signal arenad by a pidfd", BOTH, signal_by_pidfd },
	{ "F", "have a file signal arenad", BOTH, signal_by_file },
	{ "FLP", "take a descriptor out of arenad", BOTH, take_descriptor },
	{ "FLP", "trace arenad", BOTH, trace_arenad },
	{ "FL", "signal a peer", BOTH, signal_peer },
	{ "FL", "signal a thread of a peer", BOTH, signal_peers_thread },
	{ "FL", "signal a peer by the pidfd that it has", BOTH, signal_peer_by_pidfd },
	{ "FL", "take a descriptor out of a peer", BOTH, take_descriptor_of_peer },
	{ "FL", "trace a peer", BOTH, trace_peer },
	{ "FL", "write the memory of a peer", BOTH, write_peers_memory },
	{ "FLN", "open the memory of a peer", BOTH, open_peers_memory },
	{ "FL", "compare its descriptors with those of a peer", BOTH, compare_with_peer },
	{ "FL", "signal another process of its kind", BOTH, signal_sibling },
	{ "FL", "signal another process of its kind by a pidfd", BOTH, signal_sibling_by_pidfd },
	{ "FL", "take a descriptor out of another process of its kind", BOTH,
	  take_descriptor_of_sibling },
	{ "FL", "trace another process of its kind", BOTH, trace_sibling },
	{ "FL", "write the memory of another process of its kind", BOTH, write_siblings_memory },
	{ "FP", "gain capabilities", BOTH, gain_capabilities },
	{ "FP", "make a namespace", BOTH, make_namespace },
	{ "FPx", "raise a limit", BOTH, raise_limit },
	{ "F", "unlock a file, such as that of a claim", BOTH, unlock_file },
	{ "Fx", "end a socket on which others listen", NP, end_listener },
	{ "k", "end a socket on which others listen by ending what it sends", NP,
	  end_sending_of_listener },
	{ "Fx", "leave no room for clients on a socket on which others listen", NP,
	  listen_for_nobody },
	{ "F", "filter all clients away from a socket on which others listen", NP,
	  filter_listener },
	{ "F", "have clients wait on a socket on which others listen", NP, defer_clients },
	{ "k", "send from a socket on which others listen", NP, open_fast },
	{ "Fx", "disconnect a socket on which others listen", NP, disconnect_listener },
	{ "F", "disconnect a connection that it has", NP, disconnect_own },
	{ "FL", "connect a socket that it has to another address", NP, connect_elsewhere },
	{ "FG", "make memory executable that it can write", BOTH, make_code },
	{ "Fx", "unmap the region", BOTH, unmap_region },
	{ "Fx", "map memory of its own over the region", BOTH, map_over_region },
	{ "Fx", "move memory of its own over the region", BOTH, move_over_region },
	{ "G", "map 64 GiB of shared memory", BOTH, fill_shared },
	{ "G", "map 64 GiB of memory of its own", BOTH, fill_private },
	{ "Gx", "write a log of 8 GiB", BOTH, write_long_log },
	{ "Gf", "write a file of 8 GiB where its disk is", SP, write_long_disk },
	{ "LNR", "open a disk that is not its own by its ring", BOTH, ring_open },
	{ "LNR", "unlink a file by its ring", BOTH, ring_unlink },
	{ "R", "make a socket by its ring", BOTH, ring_socket },
	{ "R", "listen by its ring", BOTH, ring_listen },
	{ "R", "splice by its ring", BOTH, ring_splice },
	{ "R", "register an eventfd with its ring", BOTH, register_event },
	{ "Rx", "end a socket on which others listen by its ring", NP, ring_end_listener },
	{ "Rx", "disconnect a socket by its ring", NP, ring_disconnect },
	{ "R", "take a file out of the table of its ring", NP, update_files },
	{ "R", "end the table of its ring, which keeps the claim of its role", NP,
	  unregister_files },
	{ "k", "change the restrictions of its ring", BOTH, register_restrictions },
	{ "Fk", "map a ring of a peer", BOTH, map_peers_ring },
	{ "k", "register something with a ring of a peer", BOTH, register_with_peer },
	{ "k", "put a file into a ring of a peer", BOTH, send_file_to_peer },
	{ "V", "write a buffer for data of the disk", NP, store_to_sp },
	{ "V", "read a buffer of another network process", NP, load_from_sibling },
	{ "V", "write a payload buffer", SP, store_to_np },
	{ "V", "read a buffer of another storage process", SP, load_from_sibling },
	{ "V", "write a buffer of another process of its kind", BOTH, store_to_sibling },
	{ "V", "write the layout", BOTH, store_to_layout },
	{ "V", "let the kernel write a buffer that it may not write", BOTH, kernel_store },
	{ "V", "let the disk write a payload buffer", SP, disk_store },
	{ "V", "make a part of its view writable", BOTH, protect_and_store },
	{ "kM", "discard what another process has written", BOTH, discard },
	{ "kM", "move its view", BOTH, move_view },
	{ "kM", "duplicate its view", BOTH, duplicate_view },
	{ "kM", "unmap a part of its view", BOTH, unmap_part },
	{ "FLNM", "open the view that shows all", BOTH, open_all },
	{ "FVM", "add a view", BOTH, add_view },
	{ "FkM", "give memory to the region", BOTH, give_memory },
	{ "FkM", "remove the name of the region", BOTH, remove_name },
	/* Without restrictions its ring has lost the region's memory afterwards. */
	{ "R", "register memory of its own", BOTH, register_buffers },
};

#define COUNT	((int)(sizeof(attempts) / sizeof(attempts[0])))

/* Ends of this process, how many lies it has told, and messages to arenad. */
enum special { SPECIAL = 1000, FAULT = SPECIAL, FORBIDDEN_CALL, LIES_TOLD, TELL_ARENAD };

/* These attempts are on peer 0 by an even value, and on peer 1 by an odd one. */
enum { ON_PEER = 1100, BREAK_CHANNEL = 1200, BREAK_QUEUE = 1300 };

/* From here on values are the process id of a peer, or of a sibling, which attempts are about. */
#define PEERS_ID	100000
#define SIBLINGS_ID	10000000

static int begin_lies(uint32_t peer)
{
	(void)peer;
	lies_wanted = REPLIES_TO_LIE_ABOUT;
	return 0;
}

static int (*const on_peer[])(uint32_t peer) = {
	forge_completions, lie_in_types, lie_in_refs, return_all, steal, lie_in_requests,
	answer_for_others, begin_lies, change_entries, change_records, flood,
};

#define N_ON_PEER	((int)(sizeof(on_peer) / sizeof(on_peer[0])))

static volatile int trapped;

static unsigned int who(void)
{
	return strcmp(program_invocation_short_name, "arena-np") ? SP : NP;
}

__attribute__((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
	char line[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

static void say_table(void)
{
	for (int i = 0; i < COUNT; i++)
		if (attempts[i].who & who())
			say("breakout-table: %d %s %s\n", i + 1, attempts[i].by, attempts[i].name);
	say("breakout: 0 told\n");
}

static void try(int n)
{
	int ret;

	trapped = 0;
	ret = attempts[n - 1].run();
	if (ret >= 0)
		say("breakout: %d SUCCEEDED\n", n);
	else if (trapped)
		say("breakout: %d refused by the filter\n", n);
	else
		say("breakout: %d refused (%s)\n", n, strerrorname_np(-ret));
}

/* Attempts on a peer say how many messages or records it has to refuse. */
static int on_a_peer(int n)
{
	uint32_t peer = n & 1;

	if (n >= BREAK_QUEUE)
		return break_queue(peer, (uint32_t)(n - BREAK_QUEUE) / 2);
	if (n >= BREAK_CHANNEL)
		return break_channel(peer, (uint32_t)(n - BREAK_CHANNEL) / 2);
	n = (n - ON_PEER) / 2;
	return n < N_ON_PEER ? on_peer[n](peer) : -1;
}

static int do_special(int n)
{
	if (n >= SIBLINGS_ID)
		sibling_pid = n - SIBLINGS_ID;
	else if (n >= PEERS_ID)
		peer_pid = n - PEERS_ID;
	else if (n >= ON_PEER)
		return on_a_peer(n);
	else if (n == LIES_TOLD)
		return lies_wanted ? -1 : lies_told;
	else if (n == TELL_ARENAD)
		return tell_arenad();
	else if (n == FAULT)
		*(volatile char *)others_buffer() = 0;
	else
		raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
	return 0;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	int n = info->si_value.sival_int;

	(void)number;
	(void)context;
	if (!n)
		say_table();
	else if (n <= COUNT)
		try(n);
	else
		say("breakout: %d %d\n", n, do_special(n));
}

/* The call returns an error, as if the filter did that. */
static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)number;
	trapped = info->si_syscall ? info->si_syscall : -1;
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

/* The daemon's own handler logs the call and ends the process. */
int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
	struct sigaction mine = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	if (number == SIGSYS && new && getenv("BREAKOUT_LIVE"))
		new = &mine;
	return REAL(sigaction)(number, new, old);
}

__attribute__((constructor))
static void begin(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	if (strncmp(program_invocation_short_name, "arena-", 6))
		return;
	REAL(sigaction)(SIGUSR2, &action, NULL);
	by_ring_begin();
	if (who() == NP)
		by_listener_begin();
	to_arenad_begin();
	region_begin();
	if (messages_begin())
		abort();
}
