/* SPDX-License-Identifier: MIT */
/*
 * For tests that count the kernel's own trace events, in a buffer of their own
 * that disturbs nobody else's.
 */
#ifndef UAPI_TRACING_H
#define UAPI_TRACING_H

#include "util.h"

#include <sys/mount.h>

#define TRACING "/sys/kernel/tracing"
#define TRACE_INSTANCE TRACING "/instances/test-count"

/* 0 or -errno; @file is one of the instance's. */
static inline int trace_write(const char *file, const char *text)
{
	char path[160];
	int fd, ret;

	snprintf(path, sizeof(path), TRACE_INSTANCE "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ret = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return ret;
}

static inline void trace_end(void)
{
	rmdir(TRACE_INSTANCE);
}

/* Record this event, "workqueue/workqueue_execute_start"; false if there is none. */
static inline bool trace_begin(const char *event)
{
	char file[128];

	if (access(TRACING "/events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	rmdir(TRACE_INSTANCE);
	if (mkdir(TRACE_INSTANCE, 0755))
		return false;
	atexit(trace_end);
	snprintf(file, sizeof(file), "events/%s/enable", event);
	return !trace_write(file, "1");
}

/* Forget what was recorded. */
static inline void trace_forget(void)
{
	if (trace_write("trace", "\n"))
		bail("the trace: %s", strerror(errno));
}

/* The events since then whose line has both texts. */
static inline unsigned int trace_count(const char *text, const char *also)
{
	FILE *f = fopen(TRACE_INSTANCE "/trace", "re");
	unsigned int n = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		n += line[0] != '#' && strstr(line, text) && strstr(line, also);
	if (!f)
		bail("the trace: %s", strerror(errno));
	fclose(f);
	return n;
}

#endif /* UAPI_TRACING_H */
