// SPDX-License-Identifier: MIT
/*
 * Goal: whatever a peer writes into its half of a ring in shared memory, this side accesses
 * nothing outside the ring, returns -EPROTO for an impossible head or tail, and never receives
 * more messages than the ring holds.
 * Method: both ends of a ring; the input says what each does next and to what the peer's words
 * are set. The ring is in memory of its exact size.
 */
#include <errno.h>
#include <libarena/channel/spsc.h>

#include "parser.h"

static struct arena_spsc_in *new_in(void)
{
	void *in = NULL;

	must(!posix_memalign(&in, ARENA_SPSC_APART, sizeof(struct arena_spsc_in)));
	memset(in, 0, sizeof(struct arena_spsc_in));
	return in;
}

static struct arena_spsc_out *new_out(uint32_t entries)
{
	size_t size = arena_spsc_out_size(entries);
	void *out = NULL;

	must(!posix_memalign(&out, ARENA_SPSC_APART, size));
	memset(out, 0, size);
	return out;
}

static void check_get(struct arena_spsc_consumer *c, const struct arena_spsc_out *out,
		      uint32_t entries)
{
	uint32_t waiting = out->tail - c->head;
	uint32_t head = c->head;
	struct arena_msg m;
	int ret = arena_spsc_get(c, &m);

	must(ret == 1 || !ret || ret == -EPROTO);
	must(c->head == head + (ret == 1));
	/* Without a message, the ring was empty or had an impossible tail. */
	if (ret != 1)
		must(ret ? waiting > entries : !waiting);
	must(c->tail - c->head <= entries);
}

static void check_put(struct arena_spsc_producer *p, const struct arena_spsc_in *in,
		      struct input *input, uint32_t entries)
{
	const struct arena_msg m = arena_msg_unpack(eat_u64(input), eat_u32(input));
	uint32_t tail = p->tail;
	int ret = arena_spsc_put(p, &m);

	must(!ret || ret == -EAGAIN || ret == -EPROTO);
	must(p->tail == tail + !ret && p->tail - p->head <= entries);
	if (ret == -EAGAIN)
		must(tail - in->head == entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint32_t entries = 1U << eat_u8(&input) % 5;
	struct arena_spsc_in *in = new_in();
	struct arena_spsc_out *out = new_out(entries);
	struct arena_spsc_producer p;
	struct arena_spsc_consumer c;

	must(!arena_spsc_producer_init(&p, out, in, entries));
	must(!arena_spsc_consumer_init(&c, in, out, entries));
	while (input.size) {
		switch (eat_u8(&input) % 8) {
		case 0:
		case 1:
			check_put(&p, in, &input, entries);
			break;
		case 2:
		case 3:
			check_get(&c, out, entries);
			break;
		case 4:
			out->tail = eat_u8(&input) & 1 ? eat_u32(&input) : p.tail;
			break;
		case 5:
			in->head = eat_u8(&input) & 1 ? eat_u32(&input) : c.head;
			break;
		case 6:
			in->sleeps = eat_u32(&input);
			must(!arena_spsc_must_wake(&p) || p.woken & 1);
			must(!arena_spsc_must_wake(&p));
			break;
		default:
			/* The consumer sleeps only if head and tail are equal. */
			must(arena_spsc_sleep(&c) == (out->tail == c.head));
			arena_spsc_awake(&c);
			break;
		}
	}
	free(in);
	free(out);
	return 0;
}
