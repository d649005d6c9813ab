// SPDX-License-Identifier: MIT
#include "handoff.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "packet.h"

int handoff_open(int ends[2])
{
	return packet_open(ends);
}

/* Bytes of the structure of a type; 0 for a type that is not known. */
static uint32_t size_of(uint32_t type)
{
	switch (type) {
	case HANDOFF_READY:
		return sizeof(struct handoff_ready);
	case HANDOFF_CONN:
		return sizeof(struct handoff_conn);
	case HANDOFF_BYTES:
	case HANDOFF_REFUSED:
	case HANDOFF_GIVEN:
		return sizeof(struct handoff_head);
	case HANDOFF_END:
	case HANDOFF_TAKEN:
		return sizeof(struct handoff_count);
	default:
		return 0;
	}
}

int handoff_send(int fd, union handoff_any *any, const void *more, size_t n_more, int passed)
{
	struct iovec part[2] = {
		{ .iov_base = any, .iov_len = size_of(any->head.type) },
		{ .iov_base = (void *)more, .iov_len = n_more },
	};

	any->head.size = size_of(any->head.type);
	return packet_send(fd, part, 2, passed);
}

/*
 * Take a message of @n bytes apart. A structure of a newer version has a tail that this code does
 * not know, and one of an older version lacks one.
 */
static int unpack(struct handoff_message *m, const uint8_t *raw, size_t n)
{
	struct handoff_head head;
	uint32_t known;

	if (n < sizeof(head))
		return -EPROTO;
	memcpy(&head, raw, sizeof(head));
	known = size_of(head.type);
	if (!known || head.size < sizeof(head) || head.size > n ||
	    n - head.size > sizeof(m->more))
		return -EPROTO;
	memset(&m->any, 0, sizeof(m->any));
	memcpy(&m->any, raw, head.size < known ? head.size : known);
	m->n_more = n - head.size;
	memcpy(m->more, raw + head.size, m->n_more);
	return 0;
}

int handoff_receive(int fd, struct handoff_message *m)
{
	static uint8_t raw[2 * HANDOFF_PART_MAX];
	ssize_t n = packet_receive(fd, raw, sizeof(raw), &m->passed);
	int ret = n < 0 ? (int)n : unpack(m, raw, (size_t)n);

	if (ret && m->passed >= 0) {
		close(m->passed);
		m->passed = -1;
	}
	return ret;
}

int handoff_await(int fd, struct handoff_message *m, int timeout_ms)
{
	int ret = packet_await(fd, timeout_ms);

	return ret ? ret : handoff_receive(fd, m);
}
