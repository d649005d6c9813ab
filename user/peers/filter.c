// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <peers/filter.skel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The names in filter.bpf.c, as the kernel tells them. */
#define PROGRAM_NAME	"arena_peers"
#define TRIE_NAME	"arena_trie"

static const char *const map_names[PEERS_FDS] = {
	[PEERS_FD_NETWORKS] = "arena_networks",
	[PEERS_FD_DROPPED] = "arena_dropped",
	[PEERS_FD_REFUSED] = "arena_refused",
	[PEERS_FD_SETTINGS] = "arena_settings",
};

/* Maps of one program at most. */
#define MAPS_MAX	16U

/* Programs of the machine that are looked at. */
#define PROGRAMS_MAX	65536U

/* The kernel tells refused sources in parts of a hash table, and each part has to fit. */
#define REFUSED_ROOM	(2 * PEERS_REFUSED_MAX)

static const uint32_t zero;

__attribute__((format(printf, 2, 0)))
static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[256];

	(void)level;
	if (vsnprintf(line, sizeof(line), fmt, ap) > 0) {
		line[strcspn(line, "\n")] = '\0';
		log_debug("%s", line);
	}
	return 0;
}

static int copy_of(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int put_settings(const struct peers_filter *f, const struct peers_settings *s)
{
	return bpf_map_update_elem(f->fd[PEERS_FD_SETTINGS], &zero, s, BPF_ANY) ? -errno : 0;
}

static int get_settings(const struct peers_filter *f, struct peers_settings *s)
{
	return bpf_map_lookup_elem(f->fd[PEERS_FD_SETTINGS], &zero, s) ? -errno : 0;
}

/* The object ends, and its maps and the program stay. */
static int take(struct peers_filter *f, const struct peers_skeleton *object)
{
	const int fd[PEERS_FDS] = {
		[PEERS_FD_PROGRAM] = bpf_program__fd(object->progs.arena_peers),
		[PEERS_FD_NETWORKS] = bpf_map__fd(object->maps.arena_networks),
		[PEERS_FD_DROPPED] = bpf_map__fd(object->maps.arena_dropped),
		[PEERS_FD_REFUSED] = bpf_map__fd(object->maps.arena_refused),
		[PEERS_FD_SETTINGS] = bpf_map__fd(object->maps.arena_settings),
	};

	for (unsigned int i = 0; i < PEERS_FDS; i++) {
		f->fd[i] = copy_of(fd[i]);
		if (f->fd[i] < 0)
			return f->fd[i];
	}
	return put_settings(f, &(struct peers_settings){ .version = PEERS_VERSION });
}

/* What the library says of a lack of rights is not always why. */
static int try_bpf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "arena_try", 4, 4, 1, NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int peers_filter_load(struct peers_filter *f)
{
	struct peers_skeleton *object;
	int ret = try_bpf();

	*f = PEERS_FILTER_NONE;
	if (ret)
		return ret;
	libbpf_set_print(print);
	object = peers_skeleton__open_and_load();
	if (!object)
		return -errno;
	ret = take(f, object);
	peers_skeleton__destroy(object);
	if (ret)
		peers_filter_close(f);
	return ret;
}

/*
 * The filter of a socket that others have
 */

static bool is_cookie_of(const struct peers_settings *s, uint64_t cookie)
{
	for (unsigned int i = 0; i < PEERS_SOCKETS_MAX; i++)
		if (s->socket[i] == cookie)
			return true;
	return false;
}

static uint64_t cookie_of(int socket)
{
	socklen_t size = sizeof(uint64_t);
	uint64_t cookie = 0;

	return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) ? 0 : cookie;
}

/* Return: 0, and @f has the map if it is one of those that have a name. */
static int take_map(struct peers_filter *f, uint32_t id)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (!bpf_map_get_info_by_fd(fd, &info, &size))
		for (unsigned int i = 0; i < PEERS_FDS; i++)
			if (map_names[i] && f->fd[i] < 0 && !strcmp(map_names[i], info.name)) {
				f->fd[i] = fd;
				return 0;
			}
	close(fd);
	return 0;
}

static int take_maps(struct peers_filter *f, const uint32_t *id, uint32_t n)
{
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++)
		ret = take_map(f, id[i]);
	for (unsigned int i = 0; i < PEERS_FDS && !ret; i++)
		if (f->fd[i] < 0)
			ret = -ENOENT;
	return ret;
}

/* Is it a filter of peers that was put on the socket? Takes @fd over. */
static int look_at(struct peers_filter *f, int fd, uint64_t cookie)
{
	uint32_t id[MAPS_MAX], size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)id };
	struct peers_settings s = { 0 };
	int ret;

	*f = PEERS_FILTER_NONE;
	f->fd[PEERS_FD_PROGRAM] = fd;
	ret = bpf_prog_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	if (!ret && (info.type != BPF_PROG_TYPE_SOCKET_FILTER || info.nr_map_ids > MAPS_MAX ||
		     strcmp(info.name, PROGRAM_NAME) != 0))
		ret = -ENOENT;
	if (!ret)
		ret = take_maps(f, id, info.nr_map_ids);
	if (!ret)
		ret = get_settings(f, &s);
	if (!ret && !is_cookie_of(&s, cookie))
		ret = -ENOENT;
	if (!ret && s.version != PEERS_VERSION)
		ret = -EPROTO;
	if (ret)
		peers_filter_close(f);
	return ret;
}

static int find(struct peers_filter *f, uint64_t cookie)
{
	uint32_t id = 0;

	*f = PEERS_FILTER_NONE;
	for (unsigned int i = 0; cookie && i < PROGRAMS_MAX; i++) {
		int fd, ret;

		if (bpf_prog_get_next_id(id, &id))
			return -errno;
		fd = bpf_prog_get_fd_by_id(id);
		/* It may have ended meanwhile. */
		if (fd < 0 && errno != ENOENT)
			return -errno;
		ret = fd < 0 ? -ENOENT : look_at(f, fd, cookie);
		if (ret != -ENOENT)
			return ret;
	}
	return -ENOENT;
}

/* A socket that is gone has a filter no more, and what it has would be full some day. */
static int forget_others(const struct peers_filter *f, const int *socket, unsigned int n)
{
	struct peers_settings s, now;
	unsigned int room = 0;
	int ret = get_settings(f, &s);

	if (ret)
		return ret;
	now = s;
	memset(now.socket, 0, sizeof(now.socket));
	for (unsigned int i = 0; i < n && room < PEERS_SOCKETS_MAX; i++) {
		uint64_t cookie = cookie_of(socket[i]);

		if (cookie && is_cookie_of(&s, cookie) && !is_cookie_of(&now, cookie))
			now.socket[room++] = cookie;
	}
	return put_settings(f, &now);
}

int peers_filter_find(struct peers_filter *f, int locked, const int *socket, unsigned int n)
{
	int ret = find(f, cookie_of(locked));

	if (ret)
		return ret;
	ret = forget_others(f, socket, n);
	if (ret)
		peers_filter_close(f);
	return ret;
}

/*
 * Sockets
 */

bool peers_filter_is_there(const struct peers_filter *f)
{
	return f->fd[PEERS_FD_PROGRAM] >= 0;
}

static int get_option(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -errno : value;
}

bool peers_filter_locks(int socket)
{
	return get_option(socket, SO_LOCK_FILTER) == 1;
}

bool peers_filter_fits(int socket)
{
	int domain = get_option(socket, SO_DOMAIN);

	return domain == AF_INET || domain == AF_INET6;
}

/* It is there before the lock is, so that there is no lock that nobody knows. */
static int note_inherited(const struct peers_filter *f, uint64_t cookie)
{
	struct peers_settings s;
	int ret = get_settings(f, &s);

	if (ret || is_cookie_of(&s, cookie))
		return ret;
	for (unsigned int i = 0; i < PEERS_SOCKETS_MAX; i++) {
		if (s.socket[i])
			continue;
		s.socket[i] = cookie;
		return put_settings(f, &s);
	}
	return -ENOSPC;
}

static int is_noted(const struct peers_filter *f, int socket)
{
	struct peers_settings s;
	int ret = get_settings(f, &s);

	return ret ? ret : is_cookie_of(&s, cookie_of(socket));
}

static int attach(int program, int socket)
{
	static const int yes = 1;

	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) ||
	    setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &yes, sizeof(yes)))
		return -errno;
	return 0;
}

int peers_filter_attach(const struct peers_filter *f, int socket, bool is_inherited)
{
	int ret = 0;

	if (peers_filter_locks(socket)) {
		ret = is_noted(f, socket);
		return ret == 1 ? 0 : ret ? ret : -EEXIST;
	}
	if (is_inherited)
		ret = note_inherited(f, cookie_of(socket));
	return ret ? ret : attach(f->fd[PEERS_FD_PROGRAM], socket);
}

/*
 * Peers
 */

static int fill(int trie, const struct network *network, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct peers_network key = { .bits = network[i].bits };
		uint32_t bits = network[i].bits;

		memcpy(key.source.address, network[i].address, sizeof(key.source.address));
		if (bpf_map_update_elem(trie, &key, &bits, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* The kernel has one trie or the other one, and never a part of either. */
static int put_networks(const struct peers_filter *f, const struct network *network,
			unsigned int n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, TRIE_NAME, sizeof(struct peers_network),
				  sizeof(uint32_t), PEERS_NETWORKS_MAX, &opts), ret;

	if (trie < 0)
		return -errno;
	ret = fill(trie, network, n);
	if (!ret && bpf_map_update_elem(f->fd[PEERS_FD_NETWORKS], &zero, &trie, BPF_ANY))
		ret = -errno;
	close(trie);
	return ret;
}

int peers_filter_put(const struct peers_filter *f, const struct network *network, unsigned int n,
		     uint32_t rate)
{
	struct peers_settings s;
	int ret = get_settings(f, &s);

	if (!ret)
		ret = put_networks(f, network, n);
	if (ret || s.rate == rate)
		return ret;
	s.rate = rate;
	return put_settings(f, &s);
}

/*
 * What was dropped
 */

int peers_filter_dropped(const struct peers_filter *f, uint64_t packets[PEERS_REASONS])
{
	int n = libbpf_num_possible_cpus(), ret = n < 0 ? n : 0;
	uint64_t *each = n > 0 ? calloc((size_t)n, sizeof(*each)) : NULL;

	if (!ret && !each)
		ret = -ENOMEM;
	for (uint32_t reason = 0; reason < PEERS_REASONS && !ret; reason++) {
		packets[reason] = 0;
		if (bpf_map_lookup_elem(f->fd[PEERS_FD_DROPPED], &reason, each))
			ret = -errno;
		for (int i = 0; i < n && !ret; i++)
			packets[reason] += each[i];
	}
	free(each);
	return ret;
}

static int by_time(const void *a, const void *b)
{
	const struct peers_refused *x = a, *y = b;

	return (x->what.last_ns < y->what.last_ns) - (x->what.last_ns > y->what.last_ns);
}

int peers_filter_refused(const struct peers_filter *f,
			 struct peers_refused list[PEERS_REFUSED_MAX])
{
	static struct peers_source source[REFUSED_ROOM];
	static struct peers_refusals what[REFUSED_ROOM];
	uint32_t at, n = REFUSED_ROOM;

	/* All are read at once, so that none is missed while others come. */
	if (bpf_map_lookup_batch(f->fd[PEERS_FD_REFUSED], NULL, &at, source, what, &n, NULL) &&
	    errno != ENOENT)
		return -errno;
	if (n > PEERS_REFUSED_MAX)
		n = PEERS_REFUSED_MAX;
	for (uint32_t i = 0; i < n; i++) {
		list[i] = (struct peers_refused){ .source.bits = NETWORK_BITS, .what = what[i] };
		memcpy(list[i].source.address, source[i].address, sizeof(source[i].address));
	}
	qsort(list, n, sizeof(*list), by_time);
	return (int)n;
}

void peers_filter_close(struct peers_filter *f)
{
	for (unsigned int i = 0; i < PEERS_FDS; i++)
		if (f->fd[i] >= 0)
			close(f->fd[i]);
	*f = PEERS_FILTER_NONE;
}
