/* SPDX-License-Identifier: MIT */
/* Helpers for tests of limits: many processes that each keep what they were given. */
#ifndef UAPI_CAPS_H
#define UAPI_CAPS_H

#include "users.h"

#define CROWD_MAX 4352

/**
 * struct crowd - processes that were started one after the other
 * @pid: the processes that keep something
 * @n: their number
 * @ret: the result of the process that was started last, which may have ended
 */
struct crowd {
	pid_t pid[CROWD_MAX];
	unsigned int n;
	int ret;
};

/* A region of small pages that belongs to @owner and has one page of memory. */
static inline int owned_region(const char *name, const struct user *owner, mode_t mode)
{
	struct msharearena_create c = create_args(name, SZ_4K, SZ_2M);
	int fd;

	region_unlink(name);
	c.uid = owner->uid;
	c.mode = mode;
	fd = create_open(&c);
	if (fd < 0 || donate(fd, SZ_4K, SZ_4K, 0))
		bail("create %s", name);
	return fd;
}

/* Kernels on small machines begin with a low limit of process ids, which can be raised. */
static inline void crowd_make_room(void)
{
	const char *path = "/proc/sys/kernel/pid_max";
	FILE *f;

	if (read_long(path) >= 2 * CROWD_MAX)
		return;
	f = fopen(path, "we");
	if (!f || fprintf(f, "%d\n", 2 * CROWD_MAX) < 0 || fclose(f))
		bail("%s: not enough for %d processes: %s", path, CROWD_MAX, strerror(errno));
}

static inline void crowd_child(const struct user *u, int (*fn)(void *arg), void *arg, int told)
{
	int ret = user_become(u);

	if (!ret)
		ret = fn(arg);
	if (write(told, &ret, sizeof(ret)) != sizeof(ret) || ret < 0)
		_exit(1);
	for (;;)
		pause();
}

/*
 * Start up to @max processes of this user. Each calls fn(arg) and then waits. The first
 * one whose result is negative ends, and no more are started.
 *
 * Return: how many wait.
 */
static inline unsigned int crowd_grow(struct crowd *c, const struct user *u, unsigned int max,
				      int (*fn)(void *arg), void *arg)
{
	unsigned int before = c->n;
	int told[2];

	if (pipe2(told, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	while (c->n < before + max && c->n < CROWD_MAX) {
		pid_t pid = fork();

		if (pid < 0)
			bail("fork of process %u: %s", c->n, strerror(errno));
		if (!pid)
			crowd_child(u, fn, arg, told[1]);
		if (read(told[0], &c->ret, sizeof(c->ret)) != sizeof(c->ret))
			bail("a child does not answer");
		if (c->ret < 0) {
			waitpid(pid, NULL, 0);
			break;
		}
		c->pid[c->n++] = pid;
	}
	close(told[0]);
	close(told[1]);
	return c->n - before;
}

/* End the processes that were started last, until @keep are left. */
static inline void crowd_shrink(struct crowd *c, unsigned int keep)
{
	for (unsigned int i = keep; i < c->n; i++)
		kill(c->pid[i], SIGKILL);
	while (c->n > keep)
		waitpid(c->pid[--c->n], NULL, 0);
}

#endif /* UAPI_CAPS_H */
