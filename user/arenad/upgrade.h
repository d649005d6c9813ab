/* SPDX-License-Identifier: MIT */
/*
 * Another version of arenad in place of this one, in the same process. It is tried first, and then
 * it adopts what this one leaves, as after a death. This header must not know how it adopts.
 */
#ifndef ARENAD_UPGRADE_H
#define ARENAD_UPGRADE_H

#include "command.h"

struct runtime;
struct service;

/* How long the new version may take to say that it can adopt the processes. */
#define UPGRADE_CHECK_MS	10000

/**
 * upgrade() - execute the program that now is where this one was
 * @c: the command by which this one was started
 * @r: folder of the state, with the lock, which stays locked
 * @keeper: pidfd of the keeper, without which nothing can be adopted
 * @service: whose clients are told that it is done, just before; NULL if there is none
 *
 * It returns only if nothing has changed. The reason was logged.
 */
void upgrade(const struct command *c, const struct runtime *r, int keeper,
	     struct service *service);

/**
 * upgrade_take_lock() - the locked file, if this program was executed by upgrade()
 *
 * Return: its descriptor; -1 if it was started in another way. A second call returns -1.
 */
int upgrade_take_lock(void);

#endif /* ARENAD_UPGRADE_H */
