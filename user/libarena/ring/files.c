// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core.h"

int files_init(struct arena_ring *r)
{
	uint32_t half = r->n_files / 2;
	int ret;

	for (uint32_t i = 0; i < half; i++)
		r->files[i].next = i + 1 < half ? i + 1 : NONE;
	ret = io_uring_register_files_sparse(&r->uring, r->n_files);
	return ret ? ret : io_uring_register_file_alloc_range(&r->uring, half, half);
}

static struct arena_file file_begin(struct arena_ring *r, uint32_t slot, bool socket,
				    bool stream)
{
	struct ring_file *f = &r->files[slot];

	*f = (struct ring_file){
		.generation = next_generation(f->generation),
		.state = FILE_LIVE,
		.socket = socket,
		.stream = stream,
	};
	return (struct arena_file){ slot, f->generation };
}

int arena_ring_add_file(struct arena_ring *r, int fd, struct arena_file *file)
{
	uint32_t slot = r->free_file;
	struct stat st;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (slot == NONE)
		return -ENFILE;
	if (fstat(fd, &st))
		return -errno;
	ret = io_uring_register_files_update(&r->uring, slot, &fd, 1);
	if (ret < 0)
		return ret;
	r->free_file = r->files[slot].next;
	*file = file_begin(r, slot, S_ISSOCK(st.st_mode),
			   !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode));
	return 0;
}

struct arena_file file_accepted(struct arena_ring *r, uint32_t slot)
{
	return file_begin(r, slot, true, true);
}

struct ring_file *file_find(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f = file.slot < r->n_files ? &r->files[file.slot] : NULL;

	if (!f || f->state == FILE_FREE || f->generation != file.generation)
		return NULL;
	return f;
}

static void close_if_done(struct arena_ring *r, uint32_t slot)
{
	struct ring_file *f = &r->files[slot];
	int none = -1;

	if (f->state != FILE_CLOSING || f->pending)
		return;
	io_uring_register_files_update(&r->uring, slot, &none, 1);
	f->state = FILE_FREE;
	if (slot >= r->n_files / 2)
		return;
	f->next = r->free_file;
	r->free_file = slot;
}

void file_done(struct arena_ring *r, uint32_t slot)
{
	r->files[slot].pending--;
	close_if_done(r, slot);
}

static void prep_own(struct arena_ring *r, struct io_uring_sqe *sqe, uint32_t slot)
{
	struct ring_file *f = &r->files[slot];

	io_uring_sqe_set_data64(sqe, user_data(TAG_FILE, f->generation, slot));
	f->pending++;
}

static void prep_cancel(struct arena_ring *r, uint32_t slot)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_cancel_fd(sqe, (int)slot,
				IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_ALL);
	prep_own(r, sqe, slot);
	r->removals++;
}

/* close(2) alone would wait for what the kernel still has pending: see hazards.md. */
static void prep_shutdown(struct arena_ring *r, uint32_t slot)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_shutdown(sqe, (int)slot, SHUT_RDWR);
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, slot);
}

/* Without an fd there is no setsockopt(2); to connect to nothing resets TCP. */
static void prep_disconnect(struct arena_ring *r, uint32_t slot)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_connect(sqe, (int)slot, &nobody, sizeof(nobody));
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, slot);
	r->files[slot].aborted = true;
}

/* The cancellation comes first, or it could find the shutdown. */
static void end_file(struct arena_ring *r, uint32_t slot)
{
	struct ring_file *f = &r->files[slot];

	f->state = FILE_CLOSING;
	if (f->pending)
		prep_cancel(r, slot);
	if (f->socket)
		prep_shutdown(r, slot);
	/* At once: nobody may ask this ring for anything for a long time. */
	ring_submit(r);
	close_if_done(r, slot);
}

int arena_ring_remove_file(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f;
	int ret = ring_check(r);

	if (ret)
		return ret;
	f = file_find(r, file);
	if (!f || f->state != FILE_LIVE)
		return -ESTALE;
	ret = ring_own_room(r, 2);
	if (!ret)
		end_file(r, file.slot);
	return ret;
}

int arena_ring_abort_file(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f;
	int ret = ring_check(r);

	if (ret)
		return ret;
	f = file_find(r, file);
	if (!f || f->aborted)
		return -ESTALE;
	ret = ring_own_room(r, 3);
	if (ret)
		return ret;
	if (f->socket)
		prep_disconnect(r, file.slot);
	if (f->state == FILE_LIVE)
		end_file(r, file.slot);
	else
		ring_submit(r);
	return 0;
}

void files_abort_pending(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->n_files; i++) {
		struct ring_file *f = &r->files[i];

		if (f->state != FILE_FREE && f->pending && f->socket && !f->aborted &&
		    !ring_own_room(r, 1))
			prep_disconnect(r, i);
	}
}
