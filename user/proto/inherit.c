// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/inherit.h>

#include <common/options.h>
#include <common/parse.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int proto_end_parse(const char *text, struct arena_channel_end *end)
{
	int *fds[] = { &end->own.ring, &end->own.memory, &end->peer };
	char numbers[3][16];
	uint32_t fd;
	char more;

	if (sscanf(text, "%15[0-9],%15[0-9],%15[0-9]%c", numbers[0], numbers[1], numbers[2],
		   &more) != 3)
		return -EINVAL;
	for (int i = 0; i < 3; i++) {
		if (parse_u32(numbers[i], INT_MAX, &fd))
			return -EINVAL;
		*fds[i] = (int)fd;
	}
	return 0;
}

int proto_fd_parse(int *fd, const char *text, struct option_error *error)
{
	uint32_t number;

	if (parse_u32(text, INT_MAX, &number))
		return option_refuse(error, "%s is not the number of a descriptor", text);
	*fd = (int)number;
	return 0;
}

void proto_peer_learn(struct proto_peer *p, uint32_t epoch, uint64_t token, int pidfd)
{
	if (p->pidfd > 0)
		close(p->pidfd);
	p->epoch = epoch;
	p->token = token;
	p->pidfd = pidfd > 0 ? pidfd : 0;
}
