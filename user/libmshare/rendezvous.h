/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exchange of rings between processes that share a memfd region. It replaces PUBLISH,
 * WITHDRAW and TAKE of the module, and must not know the region.
 *
 * SCM_RIGHTS refuses ring fds, so the taker fetches them with pidfd_getfd(). A
 * small table in a second memfd says which process offers which ring.
 */
#ifndef LIBMSHARE_RENDEZVOUS_H
#define LIBMSHARE_RENDEZVOUS_H

#include <stdint.h>
#include <sys/types.h>
#include <stdint.h>

struct mshare_rendezvous;

/** mshare_rendezvous_create() - a memfd with an empty table, or -errno */
int mshare_rendezvous_create(void);

/** mshare_rendezvous_open() - map the table; on success @fd belongs to it */
int mshare_rendezvous_open(int fd, struct mshare_rendezvous **out);

/** mshare_rendezvous_close() - end all offers and unmap; NULL is allowed */
void mshare_rendezvous_close(struct mshare_rendezvous *r);

/** mshare_rendezvous_fd() - the memfd, which still belongs to @r */
int mshare_rendezvous_fd(const struct mshare_rendezvous *r);

/** mshare_rendezvous_withdraw_all() - end all offers that were made through @r */
void mshare_rendezvous_withdraw_all(struct mshare_rendezvous *r);

/** mshare_rendezvous_withdraw() - end an offer; -ENOENT if there is none */
int mshare_rendezvous_withdraw(struct mshare_rendezvous *r, uint64_t tag);

int mshare_rendezvous_publish(struct mshare_rendezvous *r, int ring_fd,
			      pid_t to, uint64_t tag);

int mshare_rendezvous_take(struct mshare_rendezvous *r, pid_t from,
			   uint64_t tag, int64_t deadline);

#endif /* LIBMSHARE_RENDEZVOUS_H */
