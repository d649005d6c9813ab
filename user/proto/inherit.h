/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NP and SP inherit descriptors from the process that starts them, and their command lines name
 * them. They learn later who their peers are. This header must not know by what means they learn
 * it.
 */
#ifndef PROTO_INHERIT_H
#define PROTO_INHERIT_H

#include <arena/channel.h>
#include <stdint.h>

struct option_error;

/**
 * struct proto_peer - the process at the other end of a channel
 * @end: what this process has inherited of the channel
 * @epoch: the epoch in which the two are paired, 0 as long as the peer is not known
 * @token: token of the epoch
 * @pidfd: the peer's, until a channel takes it over; 0 for none
 */
struct proto_peer {
	struct arena_channel_end end;
	uint32_t epoch;
	uint64_t token;
	int pidfd;
};

/**
 * proto_end_parse() - read the descriptors of an end of a channel
 * @text: "RING,MEMORY,PEER"
 * @end: filled
 *
 * Return: 0, or -EINVAL if the text is not three numbers.
 */
int proto_end_parse(const char *text, struct arena_channel_end *end);

/** proto_fd_parse() - read the number of an inherited descriptor; 0, or -EINVAL with @error */
int proto_fd_parse(int *fd, const char *text, struct option_error *error);

/** proto_peer_learn() - have @p be process @pidfd, which it takes over, from @epoch on */
void proto_peer_learn(struct proto_peer *p, uint32_t epoch, uint64_t token, int pidfd);

#endif /* PROTO_INHERIT_H */
