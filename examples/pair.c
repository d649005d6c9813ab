// SPDX-License-Identifier: MIT
/*
 * The smallest pair, `pair FILE`: one process reads the file, and the other one writes it to
 * standard output directly from the reader's buffers. Messages:
 *	reader -> writer  BLOCK  lends a block; value: the number of bytes in it
 *	writer -> reader  BACK   returns the block and asks for the next one
 */
#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 1, BACK };
enum { READER = ARENA_ROLE(0, 0), WRITER = ARENA_ROLE(1, 0), BLOCK_BYTES = 8 * 4096 };

/* The libraries return -errno. In this example each error ends the process. */
static void check(int64_t ret, const char *what)
{
	errno = ret < 0 ? (int)-ret : 0;
	if (errno)
		err(1, "%s", what);
}

static void read_file(struct arena *a, struct arena_channel *ch, int fd)
{
	struct arena_io io = { .length = BLOCK_BYTES };
	struct arena_event event;
	struct arena_ring *r;
	struct arena_msg msg;

	check(arena_ring_open(a, NULL, &r), "making a ring");
	check(arena_ring_add_file(r, fd, &io.file), "adding the file to it");
	check(arena_get_for(a, 1, 8, &io.buf), "getting buffers");
	do {
		/* Until the event the buffers belong to the kernel: arena_ptr() returns NULL. */
		check(arena_ring_read(r, &io, NULL), "reading");
		check(arena_ring_next(r, &event, -1), "waiting for the file");
		check(event.result, "reading");
		io.offset += (uint64_t)event.result;
		msg = (struct arena_msg){ .type = BLOCK, .value = (uint16_t)event.result };
		check(arena_lend(a, io.buf, WRITER, &msg.ref), "lending");
		check(arena_channel_send(ch, &msg), "sending");
		if (arena_channel_next(ch, &msg, -1) < 0)
			break;	/* The writer has died. Else arena_regain() checks its reference. */
		check(arena_regain(a, WRITER, &msg.ref, &io.buf), "regaining");
	} while (event.result == BLOCK_BYTES);
	check(arena_ring_close(r), "closing the ring");
}

static void write_file(struct arena *a, struct arena_channel *ch)
{
	struct arena_msg msg;
	struct arena_buf buf;

	do {
		check(arena_channel_next(ch, &msg, -1), "waiting for the reader");
		/* This fails if the reader has not lent it. Afterwards its data is visible. */
		check(arena_borrow(a, READER, &msg.ref, &buf), "borrowing");
		if (write(STDOUT_FILENO, arena_ptr_const(a, buf), msg.value) != msg.value)
			err(1, "writing");
		check(arena_return(a, buf, &msg.ref), "returning");	/* buf is invalid now */
		msg.type = BACK;
		check(arena_channel_send(ch, &msg), "sending");
	} while (msg.value == BLOCK_BYTES);
}

int main(int argc, char **argv)
{
	struct arena_channel_options how = { .size = sizeof(how) };
	int fd, status = 0;
	struct arena_channel *ch;
	struct arena *a, *own;
	pid_t child;

	if (argc != 2)
		errx(2, "usage: pair FILE");
	fd = open(argv[1], O_RDONLY);
	check(fd < 0 ? -errno : 0, argv[1]);
	check(arena_create(NULL, NULL, &a), "making the arena");
	child = fork();
	check(child < 0 ? -errno : 0, "fork");
	own = a;
	if (!child)	/* The child has inherited the region, and takes the other role in it. */
		check(arena_open_region(arena_region(a), WRITER, &own), "taking a role");
	how.peer_pid = child ? child : getppid();
	check(arena_channel_open(own, child ? WRITER : READER, &how, &ch), "connecting");
	child ? read_file(own, ch, fd) : write_file(own, ch);
	arena_channel_close(ch);
	if (child && waitpid(child, &status, 0) == child && status)
		errx(1, "the writer failed and had %lld buffers",
		     (long long)arena_peer_died(a, WRITER));
	return arena_close(own) || (own != a && arena_close(a));
}
