/* SPDX-License-Identifier: MIT */
/* Helpers for tests of uevents: they receive the messages that udev would get. */
#ifndef UAPI_UEVENTS_H
#define UAPI_UEVENTS_H

#include "util.h"

#include <linux/netlink.h>
#include <poll.h>

/**
 * struct uevent - one message
 * @text: "ACTION@PATH", then "NAME=VALUE" strings, each with a NUL
 * @len: length of the whole text
 */
struct uevent {
	char text[8192];
	ssize_t len;
};

/* Open a socket that receives the uevents from now on. */
static inline int uevent_open(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int sock = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	int size = 1 << 20;

	if (sock < 0 || bind(sock, (struct sockaddr *)&a, sizeof(a)) ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		bail("uevents: %s", strerror(errno));
	return sock;
}

/* The value of a variable, or "(none)". */
static inline const char *uevent_get(const struct uevent *e, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = e->text; p < e->text + e->len; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=')
			return p + n + 1;
	return "(none)";
}

/* Wait for the region's next uevent; false if none comes within @ms. */
static inline bool uevent_next(int sock, const char *region, int ms, struct uevent *e)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	while (poll(&p, 1, ms) > 0) {
		e->len = recv(sock, e->text, sizeof(e->text) - 1, 0);
		if (e->len < 0)
			return false;
		e->text[e->len] = '\0';
		if (!strcmp(uevent_get(e, "MSHARE_REGION"), region))
			return true;
	}
	return false;
}

#endif /* UAPI_UEVENTS_H */
