/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests that count the kernel's own trace events, in a trace instance of their
 * own, so that other traces are not disturbed.
 */
#ifndef UAPI_TRACING_H
#define UAPI_TRACING_H

#include "util.h"

#include <sys/mount.h>

#define TRACING "/sys/kernel/tracing"
#define TRACE_INSTANCE TRACING "/instances/test-count"

/* Write to a file of the trace instance; returns 0 or -errno. */
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

/* Record an event such as "workqueue/workqueue_execute_start"; false if it does not exist. */
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

/* Discard the recorded events. */
static inline void trace_forget(void)
{
	if (trace_write("trace", "\n"))
		bail("the trace: %s", strerror(errno));
}

/* The number of recorded events whose line contains both texts. */
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
