// SPDX-License-Identifier: MIT
/*
 * The smallest pair, `pair FILE`: a storage process (SP) reads the file, a network
 * process (NP) writes it to standard output, straight out of the SP's buffers:
 *	NP -> SP  ASK    asks for the next block, and gives back the last one
 *	SP -> NP  BLOCK  hands over a buffer; value: how many bytes are in it
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NP		ARENA_ROLE(0, 0)
#define SP		ARENA_ROLE(1, 0)
#define REGION_BYTES	(16UL << 20)
#define BLOCK_BYTES	(8 * 4096)	/* 8 buffers, one behind the other */

enum { ASK = 1, BLOCK };	/* types of messages */

/* The libraries return -errno. Here each error is the end of the process. */
static void check(int64_t ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror((int)-ret));
}

/* Memory, and which part of it who writes: said once, before anybody else comes. */
static struct mshare *make_region(void)
{
	const struct mshare_options o = { .size = sizeof(o), .flags = MSHARE_UNNAMED,
		.length = REGION_BYTES, .page_size = 4096 };
	static struct arena_layout layout;
	const struct arena_config config = { .size = sizeof(config), .length = REGION_BYTES };
	struct mshare *m;
	void *base;

	/* The child inherits it. Nobody else can open it. */
	check(mshare_create("example-pair", &o, &m), "making the region");
	check(mshare_populate(m, 0, REGION_BYTES), "giving it memory");
	check(mshare_attach(m, &base), "attaching it");
	check(arena_layout_make(&layout, &config), "laying it out");
	arena_layout_write(base, &layout);
	return m;
}

/* False if the peer has closed the channel, or died. */
static bool receive(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = arena_channel_next(ch, msg, -1);	/* it sends what is queued, too */

	check(ret == -EPIPE || ret == -EOWNERDEAD ? 0 : ret, "receiving");
	return ret == 1;
}

static void sp(struct arena *a, struct arena_channel *ch, int fd)
{
	const struct arena_ring_options one = { .entries = 1, .files = 1 };
	struct arena_event event = { .result = BLOCK_BYTES };
	struct arena_io io = { .length = BLOCK_BYTES };
	struct arena_ring *r;
	struct arena_msg msg;

	check(arena_ring_open(a, &one, &r), "making a ring");
	check(arena_ring_add_file(r, fd, &io.file), "adding the file to it");
	while (receive(ch, &msg)) {
		check(msg.type == ASK ? 0 : -EPROTO, "receiving");
		if (msg.ref.count) {
			/* Believed only if the NP has just this run of buffers. */
			check(arena_regain(a, NP, &msg.ref, &io.buf), "taking back");
			check(arena_put(a, io.buf), "freeing");
		}
		if (event.result < BLOCK_BYTES)
			continue;	/* that was the last */
		check(arena_get_for(a, 1, 8, &io.buf), "getting a buffer");
		/* The kernel's from here to the event: arena_ptr() would give NULL. */
		check(arena_ring_read(r, &io, NULL), "reading");
		check(arena_ring_next(r, &event, -1), "waiting for the file");
		check(event.result, "reading");
		io.offset += (uint64_t)event.result;
		check(arena_lend(a, io.buf, NP, &msg.ref), "handing over");
		msg.type = BLOCK;
		msg.value = (uint16_t)event.result;
		check(arena_channel_send(ch, &msg), "sending");
	}
	check(arena_ring_close(r), "closing the ring");
}

static void np(struct arena *a, struct arena_channel *ch)
{
	struct arena_msg msg = { .type = ASK };
	struct arena_buf buf;

	setbuf(stdout, NULL);
	do {
		check(arena_channel_send(ch, &msg), "sending");
		if (!receive(ch, &msg))
			errx(1, "the SP has died");
		/* Is it the SP's to be handed to us? Then what it wrote is visible. */
		check(arena_borrow(a, SP, &msg.ref, &buf), "accepting");
		if (msg.type != BLOCK || msg.value > arena_size(a, buf))
			errx(1, "the SP breaks the protocol");
		if (fwrite(arena_ptr_const(a, buf), 1, msg.value, stdout) != msg.value)
			err(1, "writing");
		check(arena_return(a, buf, &msg.ref), "giving back");	/* buf is stale now */
		msg.type = ASK;
	} while (msg.value == BLOCK_BYTES);
	check(arena_channel_send(ch, &msg), "sending");
}

int main(int argc, char **argv)
{
	struct arena_channel_options o = { .size = sizeof(o) };
	int fd, sockets[2], status = 0;
	struct arena_channel *ch;
	struct mshare *m;
	struct arena *a;
	pid_t child;

	if (argc != 2)
		errx(2, "usage: pair FILE");
	fd = open(argv[1], O_RDONLY);
	check(fd < 0 ? -errno : 0, argv[1]);
	m = make_region();
	check(arena_channel_socketpair(sockets), "making control sockets");
	child = fork();
	check(child < 0 ? -errno : 0, "fork");
	o.socket = &sockets[!child];
	close(sockets[!!child]);	/* else its end would not be seen */
	check(arena_open_region(m, child ? SP : NP, &a), "taking a role");
	check(arena_channel_open(a, child ? NP : SP, &o, &ch), "connecting to the peer");
	if (child)
		sp(a, ch, fd);
	else
		np(a, ch);
	arena_channel_close(ch);
	if (child && waitpid(child, &status, 0) == child && status)
		errx(1, "the NP failed and had %u buffers", arena_peer_died(a, NP));
	check(arena_close(a), "closing");
	mshare_close(m);
	return 0;
}
