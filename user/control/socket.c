// SPDX-License-Identifier: MIT
#include "socket.h"

#include <errno.h>
#include <unistd.h>

#include "packet.h"

int control_socket_open(int ends[2])
{
	return packet_open(ends);
}

int control_socket_send(int fd, const struct control_message *m, int passed)
{
	struct control_message sent = *m;
	struct iovec part = { .iov_base = &sent, .iov_len = sizeof(sent) };

	sent.version = CONTROL_VERSION;
	return packet_send(fd, &part, 1, passed);
}

int control_socket_receive(int fd, struct control_message *m, int *passed)
{
	ssize_t n = packet_receive(fd, m, sizeof(*m), passed);

	if (n < 0)
		return (int)n;
	if (n == sizeof(*m) && m->version == CONTROL_VERSION)
		return 0;
	if (*passed >= 0)
		close(*passed);
	*passed = -1;
	return -EPROTO;
}

bool control_socket_passes(int error)
{
	return error == -EAGAIN || error == -EBUSY || error == -EINTR || error == -ENOMEM ||
	       error == -ENOBUFS;
}

int control_socket_await(int fd, struct control_message *m, int *passed, int timeout_ms)
{
	int ret = packet_await(fd, timeout_ms);

	return ret ? ret : control_socket_receive(fd, m, passed);
}
