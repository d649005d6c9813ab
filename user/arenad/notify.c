// SPDX-License-Identifier: MIT
#include "notify.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * sd_notify() of libsystemd waits for room in the socket, and so for a service manager that hangs.
 * Its manual says that programs may send the text themselves.
 */
static int send_text(const char *path, const char *text)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd, ret = 0;

	if ((*path != '/' && *path != '@') || length >= sizeof(a.sun_path))
		return -EINVAL;
	memcpy(a.sun_path, path, length);
	/* An abstract address begins with a zero byte. */
	if (*path == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The service manager reads what is sent to it, but arenad waits for nobody. */
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&a,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int ret = path && *path ? send_text(path, text) : 0;

	if (ret)
		log_limited(LOG_LEVEL_WARN, "cannot tell the service manager at %s: %s", path,
			    log_reason(-ret));
}

void notify_ready(const char *error)
{
	char text[sizeof("READY=1\nSTATUS=the last reload has failed: ") + LOG_CATCH_SIZE];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s%s",
		 *error ? "the last reload has failed: " : "", error);
	notify(text);
}

void notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 clock_ns() / CLOCK_NS_PER_US);
	notify(text);
}

void notify_stopping(void)
{
	notify("STOPPING=1");
}

/* So often in the time after which the manager takes arenad for dead. */
#define ALIVE_TIMES	3

/* Return: nanoseconds between two messages, or 0 if the manager awaits none of this process. */
static int64_t alive_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long value = usec ? strtoll(usec, NULL, 10) : 0;

	if (value <= 0 || value > INT64_MAX / CLOCK_NS_PER_US ||
	    (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return value * CLOCK_NS_PER_US / ALIVE_TIMES;
}

/* When the next message is due, of clock_ns(). */
static int64_t alive_at;

void notify_alive(void)
{
	int64_t ns = alive_ns();

	if (!ns || clock_left_ms(alive_at))
		return;
	notify("WATCHDOG=1");
	alive_at = clock_ns() + ns;
}

int notify_alive_ms(void)
{
	return alive_ns() ? clock_left_ms(alive_at) : -1;
}
