// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "files.h"

int ring_files_init(struct arena_ring *r)
{
	uint32_t half = r->n_files / 2;
	int ret;

	for (uint32_t i = 0; i < half; i++)
		r->files[i].next = i + 1 < half ? i + 1 : NONE;
	ret = io_uring_register_files_sparse(&r->uring, r->n_files);
	return ret ? ret : io_uring_register_file_alloc_range(&r->uring, half, half);
}

static struct arena_file file_begin(struct arena_ring *r, uint32_t index, bool socket,
				    bool stream)
{
	struct ring_file *f = &r->files[index];

	*f = (struct ring_file){
		.generation = next_generation(f->generation),
		.state = FILE_LIVE,
		.socket = socket,
		.stream = stream,
	};
	return (struct arena_file){ index, f->generation };
}

int arena_ring_add_file(struct arena_ring *r, int fd, struct arena_file *file)
{
	uint32_t index = r->free_file;
	struct stat st;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (index == NONE)
		return -ENFILE;
	if (fstat(fd, &st))
		return -errno;
	ret = io_uring_register_files_update(&r->uring, index, &fd, 1);
	if (ret < 0)
		return ret;
	r->free_file = r->files[index].next;
	*file = file_begin(r, index, S_ISSOCK(st.st_mode),
			   !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode));
	return 0;
}

struct arena_file ring_file_accepted(struct arena_ring *r, uint32_t index)
{
	return file_begin(r, index, true, true);
}

struct ring_file *ring_file_find(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f = file.index < r->n_files ? &r->files[file.index] : NULL;

	if (!f || f->state == FILE_FREE || f->generation != file.generation)
		return NULL;
	return f;
}

static void close_if_done(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];
	int none = -1;

	if (f->state != FILE_CLOSING || f->pending)
		return;
	io_uring_register_files_update(&r->uring, index, &none, 1);
	f->state = FILE_FREE;
	if (index >= r->n_files / 2)
		return;
	f->next = r->free_file;
	r->free_file = index;
}

void ring_file_done(struct arena_ring *r, uint32_t index)
{
	r->files[index].pending--;
	close_if_done(r, index);
}

static void prep_own(struct arena_ring *r, struct io_uring_sqe *sqe, uint32_t index)
{
	struct ring_file *f = &r->files[index];

	io_uring_sqe_set_data64(sqe, user_data(TAG_FILE, f->generation, index));
	f->pending++;
}

static void prep_cancel(struct arena_ring *r, uint32_t index)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_cancel_fd(sqe, (int)index,
				IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_ALL);
	prep_own(r, sqe, index);
	r->removals++;
}

/* close(2) alone would wait for what the kernel still has pending: see hazards.md. */
static void prep_shutdown(struct arena_ring *r, uint32_t index)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_shutdown(sqe, (int)index, SHUT_RDWR);
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, index);
}

/* Without an fd there is no setsockopt(2); to connect to nothing resets TCP. */
static void prep_disconnect(struct arena_ring *r, uint32_t index)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_connect(sqe, (int)index, &nobody, sizeof(nobody));
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, index);
	r->files[index].aborted = true;
}

/* The cancellation comes first, or it could find the shutdown. */
static void end_file(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];

	f->state = FILE_CLOSING;
	if (f->pending)
		prep_cancel(r, index);
	if (f->socket)
		prep_shutdown(r, index);
	/* At once: nobody may ask this ring for anything for a long time. */
	ring_submit(r);
	close_if_done(r, index);
}

int arena_ring_remove_file(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f;
	int ret = ring_check(r);

	if (ret)
		return ret;
	f = ring_file_find(r, file);
	if (!f || f->state != FILE_LIVE)
		return -ESTALE;
	ret = ring_own_room(r, 2);
	if (!ret)
		end_file(r, file.index);
	return ret;
}

int arena_ring_abort_file(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f;
	int ret = ring_check(r);

	if (ret)
		return ret;
	f = ring_file_find(r, file);
	if (!f || f->aborted)
		return -ESTALE;
	ret = ring_own_room(r, 3);
	if (ret)
		return ret;
	if (f->socket)
		prep_disconnect(r, file.index);
	if (f->state == FILE_LIVE)
		end_file(r, file.index);
	else
		ring_submit(r);
	return 0;
}

void ring_files_abort_pending(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->n_files; i++) {
		struct ring_file *f = &r->files[i];

		if (f->state != FILE_FREE && f->pending && f->socket && !f->aborted &&
		    !ring_own_room(r, 1))
			prep_disconnect(r, i);
	}
}
