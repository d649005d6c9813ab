// SPDX-License-Identifier: MIT
#include "profile.h"

#include <listen/socket.h>
#include <stddef.h>

/* Sockets are accepted, set and shut down; TLS is by calls, too. The rest is done by the ring. */
static const char *const calls[] = {
	"accept4", "getpeername", "getrandom", "getsockname", "getsockopt", "pread64", "recvfrom",
	"recvmsg", "sendmsg", "sendto", "setsockopt", "shutdown", NULL,
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
		.memory = MEMORY + connections * MEMORY_A_CONNECTION,
		.oom_score = OOM_SCORE,
	};
	for (unsigned int i = 0; i < sockets->n && p->n_folders < SANDBOX_MAX_FOLDERS; i++)
		if (sockets->socket[i].file.is_there)
			p->folder[p->n_folders++] = sockets->socket[i].file.folder;
}
