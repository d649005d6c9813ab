// SPDX-License-Identifier: MIT
#include "profile.h"

#include <listen/socket.h>
#include <stddef.h>

/* Sockets are accepted, set and shut down; TLS is by calls, too. The rest is done by the ring. */
static const char *const calls[] = {
	"accept4", "getpeername", "getrandom", "getsockname", "getsockopt", "pread64", "recvfrom",
	"recvmsg", "sendmsg", "sendto", "setsockopt", "shutdown", NULL,
};

/* The files of UNIX sockets that this process has made are removed at its end. */
void np_profile_init(struct sandbox_profile *p, enum sandbox_mode mode, struct listen_set *sockets)
{
	*p = (struct sandbox_profile){ .mode = mode, .calls = calls };
	for (unsigned int i = 0; i < sockets->n && p->n_folders < SANDBOX_MAX_FOLDERS; i++)
		if (sockets->socket[i].file.is_there)
			p->folder[p->n_folders++] = sockets->socket[i].file.folder;
}
