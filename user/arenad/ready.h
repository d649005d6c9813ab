/* SPDX-License-Identifier: MIT */
/*
 * The line by which arenad says that clients may come, once, when all NPs have said so. This header
 * must not know how processes are started.
 */
#ifndef ARENAD_READY_H
#define ARENAD_READY_H

#include <common/address.h>
#include <listen/options.h>
#include <stdbool.h>
#include <stddef.h>

/* "READY", the address of each socket after a blank, and a newline. */
#define READY_SIZE	(sizeof("READY\n") + LISTEN_MAX * (ADDRESS_TEXT_SIZE + 1))

/**
 * struct ready - what the NPs have said
 * @fd: read end of the pipe to which each NP writes that it is ready; -1 after the last one
 * @wanted: number of NPs
 * @n: how many of them are ready
 * @text: what they have written and was not handled
 * @length: bytes of @text
 * @addresses: what the last one has said, for ready_say()
 */
struct ready {
	int fd;
	unsigned int wanted;
	unsigned int n;
	char text[READY_SIZE];
	size_t length;
	char addresses[READY_SIZE];
};

/** ready_init() - wait for @wanted NPs, which write to the other end of @fd */
void ready_init(struct ready *r, int fd, unsigned int wanted);

/** ready_take() - take what has come; true if all are ready now, and @r->addresses is valid */
bool ready_take(struct ready *r);

/**
 * ready_say() - say that all are ready
 * @addresses: with a blank before each
 *
 * Return: false if that cannot be said, as then arenad has to end: the process that started it
 * waits for the line. The error was logged.
 */
bool ready_say(const char *addresses);

/** ready_is_all() - were all NPs ready? */
static inline bool ready_is_all(const struct ready *r)
{
	return r->n == r->wanted;
}

/** ready_close() - close the pipe */
void ready_close(struct ready *r);

#endif /* ARENAD_READY_H */
