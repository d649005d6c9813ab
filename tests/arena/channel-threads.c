// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: ThreadSanitizer finds no data race when two threads of one process hand over memory by
 * the rings in shared memory, or by a socket.
 * Method: each thread has an end of a channel over a control socket. Both send messages, and
 * write to memory with plain stores before each. ThreadSanitizer knows nothing of io_uring, so
 * MSG_RING is left out; of HYBRID it sees the rings, but not the wake-ups. It does not follow
 * fences either; tests/model proves that no wake-up is lost.
 */
#include <pthread.h>

#include "channel.h"

#define ENTRIES		32
#define MESSAGES	20000
#define PAYLOADS	(2 * ENTRIES)

/* payload[i] is written by thread i and read by the other thread. */
static uint64_t payload[2][PAYLOADS];

struct side {
	pthread_t thread;
	enum arena_channel_transport transport;
	enum arena_wait wait;
	int socket;
	int number;
	const char *failed;
};

static uint64_t value(uint32_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static bool take(struct arena_channel *ch, int number, uint32_t *n)
{
	struct arena_msg m;
	int ret = arena_channel_recv(ch, &m);

	if (ret != 1)
		return !ret;
	if (m.ref.index != *n || payload[!number][*n % PAYLOADS] != value(*n))
		return false;
	++*n;
	return true;
}

static const char *exchange(struct arena_channel *ch, int number)
{
	uint32_t sent = 0, got = 0;

	while (sent < MESSAGES || got < MESSAGES) {
		struct arena_msg m = { .type = 1, .ref.index = sent };
		uint32_t before = sent + got;
		int ret = -EAGAIN;

		if (sent < MESSAGES) {
			payload[number][sent % PAYLOADS] = value(sent);
			ret = arena_channel_send(ch, &m);
			sent += !ret;
		}
		if (ret && ret != -EAGAIN)
			return "send";
		if (!take(ch, number, &got))
			return "receive";
		if (sent + got == before && arena_channel_wait(ch, PATIENCE_MS) != 1)
			return "wait";
	}
	return arena_channel_flush(ch) ? "flush" : NULL;
}

static void *run(void *arg)
{
	struct side *s = arg;
	struct arena_channel_options o = { .size = sizeof(o), .transport = s->transport,
					   .wait = s->wait, .socket = &s->socket,
					   .entries = ENTRIES, .timeout_ms = PATIENCE_MS };
	uint32_t roles[2] = { ARENA_ROLE(0, 0), ARENA_ROLE(1, 0) };
	struct arena_channel *ch;
	struct arena *a;
	struct arena_msg m = { .type = 1 };

	s->failed = "open";
	if (arena_open_region(region, roles[s->number], &a))
		return NULL;
	if (arena_channel_open(a, roles[!s->number], &o, &ch))
		return NULL;
	s->failed = exchange(ch, s->number);
	/* Thread 1 closes first; thread 0 must receive everything before -EPIPE. */
	if (s->number)
		arena_channel_close(ch);
	else if (receive(ch, &m) != -EPIPE)
		s->failed = "end";
	if (!s->number)
		arena_channel_close(ch);
	arena_close(a);
	return NULL;
}

static void test(enum arena_channel_transport transport, enum arena_wait wait)
{
	struct side sides[2];
	int fds[2];

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	for (int i = 0; i < 2; i++) {
		sides[i] = (struct side){ .transport = transport, .wait = wait, .socket = fds[i],
					  .number = i };
		if (pthread_create(&sides[i].thread, NULL, run, &sides[i]))
			bail("pthread_create");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(sides[i].thread, NULL);
	if (!ok(!sides[0].failed && !sides[1].failed,
		"%s, %s: two threads exchange %d messages each way, and then -EPIPE",
		transport_name(transport), wait_name(wait), MESSAGES))
		diag("failed: %s, %s", sides[0].failed ? sides[0].failed : "nothing",
		     sides[1].failed ? sides[1].failed : "nothing");
}

int main(void)
{
	channel_test_begin();
	for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++) {
		test(ARENA_CHANNEL_HYBRID, wait);
		test(ARENA_CHANNEL_SOCKET, wait);
	}
	return channel_test_end();
}
