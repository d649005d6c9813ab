// SPDX-License-Identifier: MIT
#include "profile.h"

#include <listen/socket.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

/* Sockets are accepted; TLS is by calls, too. The rest is done by the ring. */
static const char *const calls[] = {
	"accept4", "getpeername", "getrandom", "getsockname", "getsockopt", "pread64", "recvfrom",
	"recvmsg", "sendmsg", "sendto", NULL,
};

/*
 * The process has listening sockets together with other NPs and with its successors. Nothing that
 * it may do to a socket harms one that listens: SHUT_RD would end it, and many options would keep
 * clients from it. SO_LINGER is set anew for each connection.
 */
static const struct sandbox_rule rules[] = {
	{ "shutdown", 1, { { 1, SHUT_WR } } },
	{ "setsockopt", 2, { { 1, SOL_SOCKET }, { 2, SO_LINGER } } },
	{ "setsockopt", 2, { { 1, IPPROTO_TCP }, { 2, TCP_ULP } } },
	{ "setsockopt", 2, { { 1, SOL_TLS }, { 2, TLS_TX } } },
	{ "setsockopt", 2, { { 1, SOL_TLS }, { 2, TLS_RX } } },
	{ .call = NULL },
};

/*
 * A connection with TLS takes some 100 kB in GnuTLS, and libraries reserve 128 MiB to use 64 of
 * them.
 */
#define MEMORY			(512ULL << 20)
#define MEMORY_A_CONNECTION	(256ULL << 10)

/* Strangers reach the NP, so the kernel kills it first. */
#define OOM_SCORE	500

/* The files of UNIX sockets that this process has made are removed at its end. */
void np_profile_init(struct sandbox_profile *p, enum sandbox_mode mode, uint32_t connections,
		     struct listen_set *sockets)
{
	*p = (struct sandbox_profile){
		.mode = mode,
		.calls = calls,
		.rules = rules,
		.memory = MEMORY + connections * MEMORY_A_CONNECTION,
		.oom_score = OOM_SCORE,
	};
	for (unsigned int i = 0; i < sockets->n && p->n_folders < SANDBOX_MAX_FOLDERS; i++)
		if (sockets->socket[i].file.is_there)
			p->folder[p->n_folders++] = sockets->socket[i].file.folder;
}
