// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "stats.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(sizeof(struct stats) % sizeof(uint64_t) == 0, "the memory is copied by words");
_Static_assert(sizeof(struct stats_group) == 40, "other counts need another STATS_VERSION");
_Static_assert(STATS_OTHER + 1 == STATS_OPERATIONS, "each kind of request has a flow");
_Static_assert(STATS_SEND + 1 == STATS_STAGES, "each stage has times");

const char *const stats_operations[STATS_OPERATIONS] = {
	[STATS_READ] = "read", [STATS_WRITE] = "write", [STATS_FLUSH] = "flush",
	[STATS_OTHER] = "other",
};

const char *const stats_stages[STATS_STAGES] = {
	[STATS_RECEIVE] = "receive", [STATS_CHANNEL] = "channel", [STATS_QUEUE] = "queue",
	[STATS_DISK] = "disk", [STATS_SEND] = "send",
};

/* Return: false if the memory is not so long, or may become shorter while it is used. */
static bool is_sound(int fd, size_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && seals & F_SEAL_SHRINK && !fstat(fd, &st) &&
	       st.st_size >= (off_t)size;
}

/*
 * The process
 */

static void *map_shared(int fd, size_t size)
{
	void *at = MAP_FAILED;

	if (is_sound(fd, size))
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		log_warn("nobody can read the statistics of this process: the memory that was made "
			 "for them is of another version; 'arenactl upgrade' starts it again");
	return at;
}

struct stats *stats_attach(int fd, enum stats_role role, unsigned int n_counters,
			   unsigned int n_exports)
{
	size_t size = stats_size(n_exports);
	struct stats *s = fd < 0 ? MAP_FAILED : map_shared(fd, size);

	if (s == MAP_FAILED)
		s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED) {
		log_error("there is no memory for statistics: %s", log_reason(errno));
		return NULL;
	}
	s->version = STATS_VERSION;
	s->role = role;
	s->pid = (uint32_t)getpid();
	s->n_counters = n_counters;
	s->n_exports = n_exports;
	__atomic_store_n(&s->magic, STATS_MAGIC, __ATOMIC_RELEASE);
	return s;
}

void stats_show_groups(struct stats *s, struct arena *a, uint32_t role)
{
	const struct arena_layout *l = arena_layout(a);
	unsigned int n = 0;

	for (uint32_t i = 0; i < l->n_groups && n < STATS_GROUPS; i++) {
		const struct arena_group *g = &l->group[i];

		if (g->role != role)
			continue;
		s->group[n].usage.size = sizeof(s->group[n].usage);
		if (arena_keep_usage(a, i, &s->group[n].usage))
			continue;
		s->group[n].use = g->use;
		s->group[n].buffer_bytes = g->buffer_size;
		n++;
	}
}

void stats_clear_export(struct stats *s, unsigned int export)
{
	uint64_t *word = (uint64_t *)&s->export[export];

	for (size_t i = 0; i < sizeof(struct stats_export) / sizeof(*word); i++)
		stats_put(&word[i], 0);
}

/*
 * arenad
 */

int stats_make(unsigned int n_exports)
{
	int fd = memfd_create("arena-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)stats_size(n_exports)) && !fcntl(fd, F_ADD_SEALS, SEALS))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* Each word once. */
static void copy_words(struct stats *copy, const void *shared, size_t size)
{
	uint64_t *to = (uint64_t *)copy;
	const uint64_t *from = shared;

	for (size_t i = 0; i < size / sizeof(*to); i++)
		to[i] = stats_get(&from[i]);
}

static int copy_all(int fd, size_t size, struct stats *copy)
{
	void *shared = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	if (shared == MAP_FAILED)
		return -errno;
	/* What the process has written before the magic is seen with it. */
	if (__atomic_load_n((const uint64_t *)shared, __ATOMIC_ACQUIRE))
		copy_words(copy, shared, size);
	munmap(shared, size);
	return copy->magic ? 0 : -ENODATA;
}

static bool fits(const struct stats *s, enum stats_role role, pid_t pid, unsigned int n_exports)
{
	return s->magic == STATS_MAGIC && s->version == STATS_VERSION && s->role == role &&
	       s->pid == (uint32_t)pid && s->n_counters <= STATS_COUNTERS &&
	       s->n_exports == n_exports;
}

static int read_served(const struct stats *s, pid_t pid, unsigned int n_exports, uint32_t *served)
{
	if (!__atomic_load_n(&s->magic, __ATOMIC_ACQUIRE))
		return -ENODATA;
	if (!fits(s, STATS_NP, pid, n_exports))
		return -EPROTO;
	for (unsigned int i = 0; i < n_exports; i++)
		*served |= (uint32_t)!!stats_get(&s->channel[i].serves) << i;
	return 0;
}

int stats_served(int fd, pid_t pid, unsigned int n_exports, uint32_t *served)
{
	size_t size = stats_size(n_exports);
	void *shared;
	int ret;

	*served = 0;
	if (fd < 0)
		return -ENODATA;
	if (!is_sound(fd, size))
		return -EPROTO;
	shared = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	ret = read_served(shared, pid, n_exports, served);
	munmap(shared, size);
	return ret;
}

int stats_read(int fd, enum stats_role role, pid_t pid, unsigned int n_exports,
	       struct stats **copy)
{
	size_t size = stats_size(n_exports);
	int ret;

	*copy = NULL;
	if (fd < 0)
		return -ENODATA;
	if (!is_sound(fd, size))
		return -EPROTO;
	*copy = calloc(1, size);
	if (!*copy)
		return -ENOMEM;
	ret = copy_all(fd, size, *copy);
	if (!ret && !fits(*copy, role, pid, n_exports))
		ret = -EPROTO;
	if (ret) {
		free(*copy);
		*copy = NULL;
	}
	return ret;
}

uint64_t stats_count(const struct stats_times *t)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += t->bucket[i];
	return n;
}
