// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measures.h"

/* By how much a log that is a file may grow. */
#define LOG_BYTES	(1ULL << 30)

/* The headers may be older than the kernel. */
#define SET_MDWE		65
#define MDWE_REFUSE_EXEC_GAIN	1UL

/* The range of /proc/self/oom_score_adj ends here. */
#define OOM_MAX		1000

/* The process cannot raise the limit later; a limit that is lower already stays as it is. */
static int limit_to(int resource, rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return -errno;
	if (limit.rlim_cur > bytes)
		limit.rlim_cur = bytes;
	limit.rlim_max = limit.rlim_cur;
	return setrlimit(resource, &limit) ? -errno : 0;
}

static int read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int ret = n < 0 ? -errno : 0;

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return ret;
}

static int limit_core(const struct sandbox_profile *p)
{
	(void)p;
	return limit_to(RLIMIT_CORE, 0);
}

static int limit_open_files(const struct sandbox_profile *p)
{
	(void)p;
	return limit_to(RLIMIT_NOFILE, RLIM_INFINITY);
}

static int limit_locked_memory(const struct sandbox_profile *p)
{
	(void)p;
	return limit_to(RLIMIT_MEMLOCK, RLIM_INFINITY);
}

/* Only regular files are limited: neither block devices nor pipes or sockets, as a log may be. */
static int limit_files(const struct sandbox_profile *p)
{
	rlim_t bytes = p->file_bytes;
	struct stat log;

	/* A write that goes too far is to fail, not to end the process. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return -errno;
	if (!fstat(STDERR_FILENO, &log) && S_ISREG(log.st_mode) &&
	    bytes < (rlim_t)log.st_size + LOG_BYTES)
		bytes = (rlim_t)log.st_size + LOG_BYTES;
	return limit_to(RLIMIT_FSIZE, bytes);
}

/* A container may have no /proc, or one that cannot be written. */
static bool is_without_proc(int err)
{
	return err == -ENOENT || err == -EACCES || err == -EPERM || err == -EROFS;
}

/* A process needs no capability to be killed sooner. */
static int offer_to_oom_killer(const struct sandbox_profile *p)
{
	const char *path = "/proc/self/oom_score_adj";
	char text[16];
	int ret = read_small(path, text, sizeof(text)), fd, n, score;

	if (ret)
		return is_without_proc(ret) ? -EOPNOTSUPP : ret;
	score = atoi(text) + p->oom_score;
	n = snprintf(text, sizeof(text), "%d", score > OOM_MAX ? OOM_MAX : score);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = fd < 0 || write(fd, text, (size_t)n) != n ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return is_without_proc(ret) ? -EOPNOTSUPP : ret;
}

#if !SANDBOX_FOR_SANITIZER
/* RLIMIT_DATA would not count memory that is shared, of which a process can map any amount. */
static int limit_memory(const struct sandbox_profile *p)
{
	char text[64];
	int ret;

	if (!p->memory)
		return 0;
	ret = read_small("/proc/self/statm", text, sizeof(text));
	if (ret)
		return is_without_proc(ret) ? -EOPNOTSUPP : ret;
	return limit_to(RLIMIT_AS, strtoull(text, NULL, 10) * (rlim_t)getpagesize() + p->memory);
}

/* The filter of system calls refuses it, too; this is for machines without such filters. */
static int refuse_new_code(const struct sandbox_profile *p)
{
	(void)p;
	return prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) ? -errno : 0;
}

static int refuse_tracers(const struct sandbox_profile *p)
{
	(void)p;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}
#endif

/**
 * struct step - a limit
 * @name: what it is, for the log
 * @measure: enum sandbox_measure, or 0
 * @set: sets it; 0 or -errno
 */
struct step {
	const char *name;
	unsigned int measure;
	int (*set)(const struct sandbox_profile *p);
};

/*
 * RLIMIT_NPROC would also hold for the workers that io_uring starts in the kernel, without which a
 * disk or a socket that would block is not served. The filter of system calls forbids new
 * processes.
 */
static const struct step steps[] = {
	{ "no core file", 0, limit_core },
	{ "no more open files", 0, limit_open_files },
	{ "no more locked memory", 0, limit_locked_memory },
	{ "no longer files", 0, limit_files },
	{ "sooner killed when memory runs out", SANDBOX_PROC, offer_to_oom_killer },
#if !SANDBOX_FOR_SANITIZER
	{ "no more memory", SANDBOX_PROC, limit_memory },
	{ "no memory that becomes code", SANDBOX_NO_NEW_CODE, refuse_new_code },
	/* All peers have the descriptors that they took by this right. */
	{ "no tracer of the same user", 0, refuse_tracers },
#endif
};

int sandbox_limits(const struct sandbox_profile *p)
{
	int missing = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int ret = sandbox_result(p, steps[i].name, steps[i].measure, steps[i].set(p));

		if (ret < 0)
			return ret;
		missing |= ret;
	}
	return missing;
}
