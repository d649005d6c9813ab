/* SPDX-License-Identifier: MIT */
/*
 * The keeper: a process that does nothing but have descriptors, so that they are still there when
 * arenad is not. It is forked with copies of all of them, gives up every right, and waits to be
 * killed. If arenad has no CAP_SYS_PTRACE, the keeper lets a process of its user take them for some
 * seconds when that process asks. This header must not know what the descriptors are.
 */
#ifndef ARENAD_KEEPER_H
#define ARENAD_KEEPER_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct keeper - a keeper
 * @pid: its process id
 * @pidfd: readable when it has ended; -1 if there is none
 * @line: arenad's end of the socket by which it begins; -1 when it has begun
 */
struct keeper {
	pid_t pid;
	int pidfd;
	int line;
};

#define KEEPER_NONE	((struct keeper){ .pid = 0, .pidfd = -1, .line = -1 })

/**
 * keeper_fork() - make a keeper, which waits at first, and ends if arenad does
 * @k: filled
 * @fd: the descriptors that it has, sorted by their numbers, which are the same in it
 * @n: how many
 * @sandbox: enum sandbox_mode
 *
 * Return: 0 or -errno.
 */
int keeper_fork(struct keeper *k, const int *fd, size_t n, unsigned int sandbox);

/**
 * keeper_begin() - let it give up its rights, and wait until it has
 *
 * It waits for KEEPER_BEGIN_MS. From then on the keeper does not end by itself.
 *
 * Return: 0; -ETIMEDOUT; -EPIPE if it could not, which it has logged; another -errno.
 */
int keeper_begin(struct keeper *k);

#define KEEPER_BEGIN_MS	10000

/**
 * keeper_ask() - get the permission to take descriptors from a keeper by pidfd_getfd(2)
 * @pidfd: the keeper, which an earlier arenad has started
 *
 * A process with CAP_SYS_PTRACE has it. Another one asks the keeper, and waits for KEEPER_ASK_MS at
 * most. The permission ends some seconds after that.
 *
 * Return: 0; -EPERM if the keeper is not of this user, or the machine forbids it; another -errno.
 */
int keeper_ask(int pidfd);

#define KEEPER_ASK_MS	10000

/** keeper_end() - kill it; nothing happens if there is none */
void keeper_end(struct keeper *k);

#endif /* ARENAD_KEEPER_H */
