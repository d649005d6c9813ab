// SPDX-License-Identifier: MIT
/*
 * Operations on a file descriptor that was opened with O_DIRECT: a block device or a regular
 * file.
 */
#include <errno.h>

#include "ways.h"

static int move(struct arena_ring *ring, const struct arena_io *op, const struct backend_io *io)
{
	return io->operation == BACKEND_READ ? arena_ring_read(ring, op, NULL) :
					       arena_ring_write(ring, op, NULL);
}

static struct arena_io describe(const struct backend_io *io, struct arena_file file)
{
	return (struct arena_io){
		.file = file,
		.buf = io->buf,
		.from = io->from,
		.length = (uint32_t)io->length,
		.offset = io->offset,
		.cookie = io->cookie,
		.flags = io->is_fua ? ARENA_IO_DSYNC : 0,
	};
}

/*
 * A write that is durable by itself is followed by a flush if the disk has no FUA, and that is not
 * polled for.
 */
static int begin_data(struct backend *b, const struct backend_io *io)
{
	bool polls = !io->is_fua || b->limits.has_fua;
	const struct arena_io op = describe(io, polls ? b->data_file : b->file);

	return move(polls ? b->data_ring : b->ring, &op, io);
}

/* The file must not grow, and there is nothing to read behind its end. */
static int begin_tail(struct backend *b, const struct backend_io *io)
{
	struct arena_io op = describe(io, b->tail_file);

	if (op.length > b->limits.bytes - io->offset)
		op.length = (uint32_t)(b->limits.bytes - io->offset);
	return move(b->ring, &op, io);
}

static int begin_range(struct backend *b, const struct backend_io *io)
{
	const struct arena_range range = {
		.file = b->file,
		.offset = io->offset,
		.length = io->length,
		.cookie = io->cookie,
		.flags = (io->no_hole ? ARENA_IO_NO_HOLE : 0) | (io->fast ? ARENA_IO_FAST : 0),
	};

	return io->operation == BACKEND_DISCARD ? arena_ring_discard(b->ring, &range, NULL) :
						  arena_ring_write_zeroes(b->ring, &range, NULL);
}

static int begin(struct backend *b, const struct backend_io *io)
{
	switch (io->operation) {
	case BACKEND_READ:
	case BACKEND_WRITE:
		/* The disk may have become shorter since the request was accepted. */
		if (io->offset >= b->limits.bytes)
			return -EIO;
		return io->offset < b->limits.tail ? begin_data(b, io) : begin_tail(b, io);
	case BACKEND_FLUSH:
		return arena_ring_fsync(b->ring, b->file, true, io->cookie, NULL);
	default:
		return begin_range(b, io);
	}
}

static int result(struct backend *b, const struct arena_event *e, const char **why)
{
	(void)b;
	if (e->result >= 0 && e->flags & ARENA_EVENT_SHORT) {
		*why = "the disk ends early";
		return -EIO;
	}
	/* The ring has tried again where that can help, so this error is final. */
	if (e->result == -EAGAIN)
		return -EIO;
	return e->result < 0 ? e->result : 0;
}

const struct backend_ops block_ops = {
	.kind = BACKEND_BLOCK,
	.begin = begin,
	.result = result,
	.size = block_size_now,
};

const struct backend_ops file_ops = {
	.kind = BACKEND_FILE,
	.begin = begin,
	.result = result,
	.size = file_size_now,
	.survey = file_survey,
	.is_dense = file_is_dense,
};
