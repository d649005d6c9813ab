/* SPDX-License-Identifier: MIT */
/*
 * arenad's Varlink service, by which operators ask and steer it: a UNIX socket in the runtime
 * folder for root and arenad's own user. It answers by itself what is asked, and notes what is to
 * be done, for which arenad looks when it is ready to.
 *
 * Nothing here waits for a client. A client has a time and a number of bytes for all that it sends,
 * and what it does not read holds up its own next call only. This header must not know how anything
 * is done.
 *
 * A build without the Varlink of libsystemd has WITHOUT_VARLINK, and there is no service.
 */
#ifndef ARENAD_SERVICE_H
#define ARENAD_SERVICE_H

#include <poll.h>
#include <stddef.h>

struct crew;
struct log_catch;
struct outcome;
struct runtime;
struct service;

/* Connections at a time. */
#define SERVICE_CONNECTIONS	16U

/* What poll(2) is asked for: the listening socket, and each connection. */
#define SERVICE_FDS		(1 + SERVICE_CONNECTIONS)

/* A client may be connected for so long, unless its call is not answered yet. */
#define SERVICE_SECONDS		30

/* A client may send so many bytes by one connection. */
#define SERVICE_BYTES		(64U << 10)

/**
 * enum service_wish - what a client wants to have done
 * @SERVICE_NOTHING: nothing
 * @SERVICE_RELOAD: what SIGHUP does
 * @SERVICE_TRY_RELOAD: to know what that would do
 * @SERVICE_UPGRADE: what SIGUSR2 does
 * @SERVICE_STOP: what SIGTERM does
 */
enum service_wish {
	SERVICE_NOTHING,
	SERVICE_RELOAD,
	SERVICE_TRY_RELOAD,
	SERVICE_UPGRADE,
	SERVICE_STOP,
};

#ifndef WITHOUT_VARLINK

/**
 * service_open() - listen in the runtime folder
 * @crew: the processes
 * @r: the folder, with the lock of the region
 *
 * It logs its errors. Without the service arenad serves its clients all the same.
 *
 * Return: to be closed with service_close(); NULL if that failed. All calls accept NULL.
 */
struct service *service_open(struct crew *crew, const struct runtime *r);

/** service_poll() - write what to wait for to @fd, SERVICE_FDS entries; the number of entries */
unsigned int service_poll(const struct service *s, struct pollfd *fd);

/** service_wait_ms() - for how many milliseconds there is nothing to do; -1 for ever */
int service_wait_ms(const struct service *s);

/** service_turn() - accept clients, and answer those of which poll(2) has said something */
void service_turn(struct service *s, const struct pollfd *fd);

/** service_take() - the next thing that a client wants to have done; each is taken once */
enum service_wish service_take(struct service *s);

/**
 * service_answer() - tell all clients that have wanted something what has come of it
 * @s: the service
 * @wish: what they have wanted, and service_take() has returned
 * @failed: why it was not done; NULL, or without a text, if it was
 * @out: what has come of a reload, or would come of it; else NULL
 */
void service_answer(struct service *s, enum service_wish wish, const struct log_catch *failed,
		    const struct outcome *out);

/** service_close() - end all connections, and listen no more */
void service_close(struct service *s);

#else /* WITHOUT_VARLINK */

static inline struct service *service_open(struct crew *crew, const struct runtime *r)
{
	(void)crew;
	(void)r;
	return NULL;
}

static inline unsigned int service_poll(const struct service *s, struct pollfd *fd)
{
	(void)s;
	(void)fd;
	return 0;
}

static inline int service_wait_ms(const struct service *s)
{
	(void)s;
	return -1;
}

static inline void service_turn(struct service *s, const struct pollfd *fd)
{
	(void)s;
	(void)fd;
}

static inline enum service_wish service_take(struct service *s)
{
	(void)s;
	return SERVICE_NOTHING;
}

static inline void service_answer(struct service *s, enum service_wish wish,
				  const struct log_catch *failed, const struct outcome *out)
{
	(void)s;
	(void)wish;
	(void)failed;
	(void)out;
}

static inline void service_close(struct service *s)
{
	(void)s;
}

#endif /* WITHOUT_VARLINK */

#endif /* ARENAD_SERVICE_H */
