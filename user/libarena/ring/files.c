// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "../buffer/io.h"
#include "../why.h"

/* Descriptors that the limit must leave for other files of the process. */
#define SPARE_FILES	64U

static void free_list(struct arena_ring *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		r->files[i].next = i + 1 < to ? i + 1 : NONE;
}

/* The kernel checks RLIMIT_NOFILE for direct descriptors, too. */
static void raise_limit(uint32_t files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= files + SPARE_FILES)
		return;
	limit.rlim_cur = files + SPARE_FILES < limit.rlim_max ? files + SPARE_FILES :
			 limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Entries of the kernel's table: the files, or only those that were added and can be locked, and
 * the claim.
 */
static uint32_t table_entries(const struct arena_ring *r)
{
	return (r->direct ? r->n_files : r->n_files / 2) + 1;
}

static int put_into_table(struct arena_ring *r, uint32_t index, int fd)
{
	int ret = io_uring_register_files_update(&r->uring, index, &fd, 1);

	return ret < 0 ? ret : 0;
}

static int make_table(struct arena_ring *r)
{
	uint32_t half = r->n_files / 2, n = table_entries(r);
	int ret = io_uring_register_files_sparse(&r->uring, n);
	int claim = arena_io_claim(r->a);

	if (!ret && r->direct)
		ret = io_uring_register_file_alloc_range(&r->uring, half, half);
	if (!ret && claim >= 0)
		ret = put_into_table(r, n - 1, claim);
	return ret;
}

int ring_files_init(struct arena_ring *r)
{
	uint32_t half = r->n_files / 2;

	r->direct = !r->mortal && arena_has(&r->features, ARENA_HAS_DIRECT_CLOSE);
	r->free_accepted = r->direct ? NONE : half;
	free_list(r, 0, half);
	free_list(r, half, r->n_files);
	if (!r->direct)
		raise_limit(r->n_files);
	return make_table(r);
}

static int set_linger(int fd, int on)
{
	/* No time to linger: unsent data is dropped, and the peer sees a reset. */
	const struct linger now = { .l_onoff = on };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* A connection that ends while the process lives ends as any other one. */
static void close_fd(struct ring_file *f)
{
	if (f->fd < 0)
		return;
	if (f->resets && !f->aborted)
		set_linger(f->fd, 0);
	close(f->fd);
	f->fd = -1;
}

void ring_files_close(struct arena_ring *r)
{
	bool is_child = ring_is_child(r);

	if (!is_child)
		io_uring_unregister_files(&r->uring);
	for (uint32_t i = 0; !r->direct && i < r->n_files; i++) {
		/* The connections of the parent go on. */
		r->files[i].resets &= !is_child;
		if (r->files[i].state != FILE_FREE)
			close_fd(&r->files[i]);
	}
}

static int get_option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -1 : value;
}

/*
 * The kernel closes descriptors when the process dies. Data of a connection that is still to be
 * sent, or to be acknowledged, goes on from the process's memory unless the connection is reset.
 * Accepted connections would inherit that from a socket that listens.
 */
static bool reset_at_death(const struct arena_ring *r, int fd)
{
	return r->mortal && get_option(fd, SO_PROTOCOL) == IPPROTO_TCP &&
	       !get_option(fd, SO_ACCEPTCONN) && !set_linger(fd, 1);
}

static struct arena_file file_begin(struct arena_ring *r, uint32_t index, int fd, bool socket,
				    bool stream)
{
	struct ring_file *f = &r->files[index];

	*f = (struct ring_file){
		.generation = next_generation(f->generation),
		.fd = fd,
		.state = FILE_LIVE,
		.socket = socket,
		.stream = stream,
		.resets = socket && reset_at_death(r, fd),
	};
	return (struct arena_file){ index, f->generation };
}

/* The ring's own reference to a file: a descriptor, 0 for a direct one, or -errno. */
static int hold(struct arena_ring *r, uint32_t index, int fd)
{
	int ret;

	if (r->direct)
		return put_into_table(r, index, fd);
	/* Never 0, 1 or 2, because other code uses those numbers without opening them. */
	ret = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return ret < 0 ? -errno : ret;
}

/*
 * A file that is registered with the kernel is closed after the last operation of the ring, also
 * if the process is killed: so its locks say when the process does no more I/O. Direct descriptors
 * are registered already.
 */
static bool has_to_be_kept(const struct arena_ring *r, mode_t mode)
{
	return !r->direct && r->for_files && (S_ISREG(mode) || S_ISBLK(mode));
}

int arena_ring_add_file(struct arena_ring *r, int fd, struct arena_file *file)
{
	uint32_t index = r->free_file;
	int ret = ring_check(r), err;
	struct stat st;
	bool is_kept;

	if (ret)
		return ret;
	if (index == NONE)
		return -ENFILE;
	if (fstat(fd, &st))
		return -errno;
	ret = hold(r, index, fd);
	if (ret < 0)
		return ret;
	is_kept = has_to_be_kept(r, st.st_mode);
	err = is_kept ? put_into_table(r, index, fd) : 0;
	if (err) {
		close(ret);
		return err;
	}
	r->free_file = r->files[index].next;
	*file = file_begin(r, index, ret, S_ISSOCK(st.st_mode),
			   !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode));
	r->files[index].block = S_ISBLK(st.st_mode);
	r->files[index].packets = S_ISSOCK(st.st_mode) && !r->direct &&
				  get_option(fd, SO_TYPE) == SOCK_SEQPACKET;
	r->files[index].is_kept = is_kept;
	return 0;
}

int ring_file_accepted(struct arena_ring *r, int result, struct arena_file *file)
{
	uint32_t index = r->direct ? (uint32_t)result : r->free_accepted;
	int fd = result;

	if (!r->direct && fd <= STDERR_FILENO) {
		fd = fcntl(result, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(result);
	}
	if (index == NONE || fd < 0) {
		if (fd >= 0)
			close(fd);
		return -ENFILE;
	}
	if (!r->direct)
		r->free_accepted = r->files[index].next;
	*file = file_begin(r, index, fd, true, true);
	return 0;
}

struct ring_file *ring_file_find(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f = file.index < r->n_files ? &r->files[file.index] : NULL;

	if (!f || f->state == FILE_FREE || f->generation != file.generation)
		return NULL;
	return f;
}

static void release_entry(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];

	if (r->direct || f->is_kept)
		put_into_table(r, index, -1);
	if (!r->direct)
		close_fd(f);
}

static void close_if_done(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];
	bool accepted = index >= r->n_files / 2;
	uint32_t *list = accepted ? &r->free_accepted : &r->free_file;

	if (f->state != FILE_CLOSING || f->pending)
		return;
	release_entry(r, index);
	f->state = FILE_FREE;
	/* The kernel itself chooses a free entry for each accepted connection. */
	if (accepted && r->direct)
		return;
	f->next = *list;
	*list = index;
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

static int target(const struct arena_ring *r, uint32_t index)
{
	return ring_file_target(r, (struct arena_file){ .index = index });
}

static void prep_cancel(struct arena_ring *r, uint32_t index)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_cancel_fd(sqe, target(r, index), IORING_ASYNC_CANCEL_ALL |
				(r->direct ? IORING_ASYNC_CANCEL_FD_FIXED : 0));
	prep_own(r, sqe, index);
	r->removals++;
}

/* close(2) alone would wait for what the kernel still has pending: see hazards.md. */
static void prep_shutdown(struct arena_ring *r, uint32_t index, int how)
{
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_shutdown(sqe, target(r, index), how);
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, index);
}

/* There is no setsockopt(2) for a direct descriptor. To connect to AF_UNSPEC resets TCP. */
static void prep_disconnect(struct arena_ring *r, uint32_t index)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct io_uring_sqe *sqe = ring_own_sqe(r);

	io_uring_prep_connect(sqe, target(r, index), &nobody, sizeof(nobody));
	sqe->flags |= IOSQE_FIXED_FILE;
	prep_own(r, sqe, index);
}

/*
 * The peer sees the end. A ring without direct descriptors does it by a system call, which a
 * sandbox can allow for one direction alone: a socket that listens goes on then, whoever has it.
 */
static void end_sending(const struct ring_file *f)
{
	shutdown(f->fd, SHUT_WR);
}

/* The cancellation comes first, or it could cancel the shutdown. */
static void end_file(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];

	f->state = FILE_CLOSING;
	/* What a polled ring has pending ends by itself, and cannot be cancelled. */
	if (f->pending && !r->is_polled)
		prep_cancel(r, index);
	if (f->socket && r->direct)
		prep_shutdown(r, index, SHUT_RDWR);
	/* Submit at once, because the next call of the application may come much later. */
	ring_submit(r);
	if (f->socket && !r->direct && !f->aborted)
		end_sending(f);
	close_if_done(r, index);
}

/*
 * The last reference resets the connection: operations that are pending have been cancelled, and
 * the kernel still has the bytes of zero-copy sends, but not their file.
 */
static int abort_plain(struct arena_ring *r, uint32_t index)
{
	struct ring_file *f = &r->files[index];

	f->aborted = true;
	set_linger(f->fd, 1);
	if (f->state == FILE_LIVE)
		end_file(r, index);
	ring_submit(r);
	/* What was not submitted still names the descriptor. */
	f->aborted = f->state == FILE_FREE || !io_uring_sq_ready(&r->uring);
	if (!f->aborted)
		return -EAGAIN;
	if (f->state != FILE_FREE)
		close_fd(f);
	return 0;
}

static void abort_direct(struct arena_ring *r, uint32_t index)
{
	prep_disconnect(r, index);
	r->files[index].aborted = true;
	if (r->files[index].state == FILE_LIVE)
		end_file(r, index);
	else
		ring_submit(r);
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

int arena_ring_shutdown(struct arena_ring *r, struct arena_file file)
{
	struct ring_file *f;
	int ret = ring_check(r);

	if (ret)
		return ret;
	f = ring_file_find(r, file);
	if (!f || f->state != FILE_LIVE)
		return -ESTALE;
	if (!f->socket)
		return why("file: is no socket");
	ret = r->direct ? ring_own_room(r, 1) : 0;
	if (ret)
		return ret;
	if (r->direct)
		prep_shutdown(r, file.index, SHUT_WR);
	else
		end_sending(f);
	ring_submit(r);
	return 0;
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
	if (f->socket && !r->direct)
		return abort_plain(r, file.index);
	if (f->socket)
		abort_direct(r, file.index);
	else if (f->state == FILE_LIVE)
		end_file(r, file.index);
	return 0;
}

void ring_files_abort_pending(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->n_files; i++) {
		struct ring_file *f = &r->files[i];

		if (f->state == FILE_FREE || !f->pending || !f->socket || f->packets ||
		    f->aborted || ring_own_room(r, 2))
			continue;
		if (r->direct)
			prep_disconnect(r, i);
		else
			abort_plain(r, i);
	}
}
