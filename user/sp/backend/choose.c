// SPDX-License-Identifier: MIT
#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holder.h"
#include "ways.h"

#define MIN_BLOCK	512U
#define MAX_BLOCK	4096U
#define HOLDER_SIZE	320

/*
 * The kernel closes the ring of a process, and the disk that was registered there, some time after
 * the process has ended: after its last operation. So an SP that is started in place of another one
 * may find the disk in use, and nobody who uses it. It waits for that longer than for somebody who
 * is there.
 */
#define BUSY_WAIT_MS	50
#define USED_MS		3000
#define CLAIM_MS	25000

static int (*const ways[])(struct backend *b, const char **why) = {
	[BACKEND_NVME] = nvme_open,
	[BACKEND_BLOCK] = block_open,
	[BACKEND_FILE] = file_open,
};

/* Say who uses the disk, as far as that can be seen. */
static void name_holder(const char *path, char *text, size_t size)
{
	struct stat st;

	text[0] = '\0';
	if (!stat(path, &st))
		holder_find(&st, text, size);
}

static int open_error(const char *path, int error, const char *why)
{
	char holder[HOLDER_SIZE];

	if (error == -ECANCELED)
		return error;
	if (error != -EBUSY) {
		log_error("cannot open disk %s: %s", path, why ?: log_reason(-error));
		return error;
	}
	name_holder(path, holder, sizeof(holder));
	if (holder[0])
		log_error("cannot open disk %s: it is in use by %s; end that first", path, holder);
	else
		log_error("cannot open disk %s: it is in use, and by whom cannot be seen; a "
			  "process that has ended may still have operations under way", path);
	return error;
}

/* Nothing is served read-only unless that was asked for, as clients rely on what they are told. */
static const char *why_not(int error, bool readonly, const char *why)
{
	if (!readonly && (error == -EACCES || error == -EROFS || error == -EPERM))
		return "it cannot be written; --read-only serves it all the same, or the user of "
		       "--sp-user needs a right to it, as by the group \"disk\"";
	return why;
}

/* Open the disk by one kind of backend. */
static int try_once(struct backend *b, enum backend_kind kind, bool readonly, const char **why)
{
	*why = NULL;
	b->limits = (struct backend_limits){
		.tail = UINT64_MAX,
		.is_readonly = readonly,
	};
	return ways[kind](b, why);
}

static int64_t begin_wait(const char *path)
{
	char holder[HOLDER_SIZE];
	int limit_ms;

	name_holder(path, holder, sizeof(holder));
	limit_ms = holder[0] ? USED_MS : CLAIM_MS;
	log_info("disk %s is in use by %s: waiting for up to %d s", path,
		 holder[0] ? holder : "nobody who can be seen", limit_ms / 1000);
	return clock_deadline(limit_ms);
}

/* Try to open the disk until it is not in use any more, the time is over, or a signal stops us. */
static int try(struct backend *b, enum backend_kind kind, bool readonly, const char **why)
{
	int ret = try_once(b, kind, readonly, why);
	int64_t deadline;

	if (ret != -EBUSY)
		return ret;
	deadline = begin_wait(b->path);
	while (ret == -EBUSY && clock_left_ms(deadline) > 0) {
		if (start_stop_is_pending())
			return -ECANCELED;
		clock_sleep_ms(BUSY_WAIT_MS);
		ret = try_once(b, kind, readonly, why);
	}
	if (!ret)
		log_info("disk %s is in use no more", b->path);
	return ret;
}

/* Check that the path can be opened by the kind that the options ask for. */
static int check_kind(const char *path, mode_t mode, enum backend_kind kind)
{
	bool good = true;

	if (!S_ISBLK(mode) && !S_ISREG(mode) && !S_ISCHR(mode)) {
		log_error("disk %s is neither a block device nor a regular file; give the path of "
			  "one", path);
		return -ENOTBLK;
	}
	if (kind == BACKEND_NVME)
		good = !S_ISREG(mode);
	if (kind == BACKEND_BLOCK)
		good = S_ISBLK(mode);
	if (kind == BACKEND_FILE)
		good = S_ISREG(mode);
	if (good)
		return 0;
	log_error("disk %s: --backend %s is not for a %s; leave it out, or choose another one",
		  path, backend_names[kind], S_ISREG(mode) ? "regular file" : S_ISBLK(mode) ?
		  "block device" : "character device");
	return -EINVAL;
}

/* Open a namespace by NVMe commands or, if that fails, by its block device. */
static int open_device(struct backend *b, bool readonly, const char **why, const char **reason)
{
	int ret = try(b, BACKEND_NVME, readonly, why);

	*reason = "an NVMe namespace";
	if (!ret || ret == -EBUSY || ret == -ECANCELED)
		return ret;
	*reason = *why ? *why : strerror(-ret);
	return try(b, BACKEND_BLOCK, readonly, why);
}

static int open_auto(struct backend *b, mode_t mode, bool readonly, const char **why,
		     const char **reason)
{
	if (S_ISBLK(mode))
		return open_device(b, readonly, why, reason);
	*reason = S_ISREG(mode) ? "a regular file" : "a character device";
	return try(b, S_ISREG(mode) ? BACKEND_FILE : BACKEND_NVME, readonly, why);
}

static int check_limits(struct backend *b)
{
	struct backend_limits *l = &b->limits;
	uint64_t whole;

	if (l->block_size < MIN_BLOCK || l->block_size > MAX_BLOCK ||
	    l->block_size & (l->block_size - 1)) {
		log_error("disk %s: a block size of %u is not supported, only powers of two from "
			  "%u to %u; format the disk with such a size", b->path, l->block_size,
			  MIN_BLOCK, MAX_BLOCK);
		return -EINVAL;
	}
	/* Only a file can be served up to a last byte that does not end a block. */
	whole = l->bytes & ~(uint64_t)(l->block_size - 1);
	if (b->tail_fd < 0 && whole != l->bytes) {
		log_warn("disk %s: its last %u bytes are not a whole block and are not used"
			 LOG_NO_ACTION, b->path, (unsigned int)(l->bytes - whole));
		l->bytes = whole;
	}
	if (!l->bytes) {
		log_error("disk %s is empty; give it a size first (a file: truncate -s SIZE)",
			  b->path);
		return -EINVAL;
	}
	return 0;
}

int backend_open(struct backend *b, const char *path, enum backend_kind kind, bool readonly)
{
	const char *reason = "as asked for", *why = NULL;
	struct stat st;
	int ret;

	*b = (struct backend){ .path = path, .fd = -1, .tail_fd = -1, .guard = -1 };
	if (stat(path, &st))
		return open_error(path, -errno, NULL);
	ret = check_kind(path, st.st_mode, kind);
	if (ret)
		return ret;
	if (kind == BACKEND_AUTO)
		ret = open_auto(b, st.st_mode, readonly, &why, &reason);
	else
		ret = try(b, kind, readonly, &why);
	if (ret)
		return open_error(path, ret, why_not(ret, readonly, why));
	ret = check_limits(b);
	if (ret) {
		backend_close(b);
		return ret;
	}
	b->sequence = block_sequence(b);
	log_info("disk %s: backend %s (%s)", path, backend_names[b->ops->kind], reason);
	return 0;
}

int backend_check_polling(const struct backend *b)
{
	int fd = b->guard >= 0 ? b->guard : b->fd;

	if (b->ops->kind != BACKEND_FILE && block_has_poll_queues(fd))
		return 0;
	log_error("--iopoll: disk %s has no queues that can be polled; the parameter "
		  "nvme.poll_queues=N of the kernel gives them to NVMe controllers", b->path);
	return -EOPNOTSUPP;
}

/* The claim has to last as long as the operations of each ring. */
static int add_claim(const struct backend *b, struct arena_ring *r)
{
	struct arena_file file;

	return r && b->guard >= 0 ? arena_ring_add_file(r, b->guard, &file) : 0;
}

int backend_attach(struct backend *b, struct arena *a, struct arena_ring *r,
		   struct arena_ring *polled)
{
	int ret = arena_ring_add_file(r, b->fd, &b->file);

	b->arena = a;
	b->ring = r;
	b->data_ring = polled ? polled : r;
	b->data_file = b->file;
	if (!ret && b->tail_fd >= 0)
		ret = arena_ring_add_file(r, b->tail_fd, &b->tail_file);
	if (!ret && polled)
		ret = arena_ring_add_file(polled, b->fd, &b->data_file);
	if (!ret)
		ret = add_claim(b, r);
	if (!ret)
		ret = add_claim(b, polled);
	if (ret)
		log_error("cannot register disk %s with io_uring: %s", b->path, log_reason(-ret));
	return ret;
}

/* Without a tail, or where the disk now ends before it, only whole blocks are served. */
static uint64_t served_of(const struct backend *b, uint64_t bytes)
{
	return bytes > b->limits.tail ? bytes : bytes & ~(uint64_t)(b->limits.block_size - 1);
}

void backend_look(struct backend *b)
{
	uint64_t bytes = served_of(b, b->ops->size(b));

	if (bytes == b->limits.bytes)
		return;
	log_info("disk %s had %llu bytes, and has %llu now", b->path,
		 (unsigned long long)b->limits.bytes, (unsigned long long)bytes);
	b->limits.bytes = bytes;
	b->is_gone = !bytes && b->ops->kind != BACKEND_FILE;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void backend_close(struct backend *b)
{
	close_fd(&b->fd);
	close_fd(&b->tail_fd);
	close_fd(&b->guard);
}
