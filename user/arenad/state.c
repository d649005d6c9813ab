// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "state.h"

#include <arena/layout.h>
#include <common/log.h>
#include <control/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <proto/record.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime.h"

#define ENDING		".state"
#define NEW_ENDING	".state.new"
#define BOOT_PATH	"/proc/sys/kernel/random/boot_id"

/* Empty where there is no /proc. */
static void read_boot(char boot[STATE_BOOT_SIZE])
{
	int fd = open(BOOT_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, boot, STATE_BOOT_SIZE - 1);

	boot[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
}

static void visit_set(struct listen_set *set, state_visit *visit, void *context)
{
	for (unsigned int i = 0; i < LISTEN_MAX; i++)
		visit(&set->socket[i].fd, context);
}

static void visit_pair(struct pair *p, state_visit *visit, void *context)
{
	visit(&p->np.ring, context);
	visit(&p->np.memory, context);
	visit(&p->sp.ring, context);
	visit(&p->sp.memory, context);
}

void state_each_fd(struct state *s, state_visit *visit, void *context)
{
	visit(&s->region_fd, context);
	for (unsigned int i = 0; i < STATE_MEMFDS; i++)
		visit(&s->memfd[i], context);
	visit(&s->layout_fd, context);
	visit(&s->bundle, context);
	visit_set(&s->listening, visit, context);
	for (unsigned int i = 0; i < PROTO_MAX_NPS; i++)
		visit_set(&s->sockets[i], visit, context);
	for (unsigned int i = 0; i < PROTO_MAX_NPS * PROTO_MAX_SPS; i++)
		visit_pair(&s->pairs.pair[i / PROTO_MAX_SPS][i % PROTO_MAX_SPS], visit, context);
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		visit(&s->lines.fd[i], context);
		visit(&s->pidfd[i], context);
		visit(&s->stats[i], context);
	}
	for (unsigned int i = 0; i < PEERS_FDS; i++)
		visit(&s->peers.fd[i], context);
}

static void have_none(int *fd, void *context)
{
	(void)context;
	*fd = -1;
}

static size_t texts_size(const char *const texts[STATE_TEXTS])
{
	size_t size = 0;

	for (unsigned int i = 0; i < STATE_TEXTS; i++)
		size += strlen(texts[i]) + 1;
	return size;
}

struct state *state_new(const char *const texts[STATE_TEXTS])
{
	size_t size = texts_size(texts);
	struct state *s = calloc(1, sizeof(*s) + size);
	char *at;

	if (!s)
		return NULL;
	s->head = (struct state_head){
		.magic = STATE_MAGIC, .version = STATE_VERSION, .size = sizeof(*s),
		.text_size = (uint32_t)size, .arenad = identity_of(getpid()),
	};
	read_boot(s->head.boot);
	s->versions = state_own_versions();
	at = s->text;
	for (unsigned int i = 0; i < STATE_TEXTS; i++)
		at = stpcpy(at, texts[i]) + 1;
	state_each_fd(s, have_none, NULL);
	return s;
}

const char *state_text(const struct state *s, enum state_text which)
{
	const char *at = s->text;

	for (unsigned int i = 0; i < which; i++)
		at += strlen(at) + 1;
	return at;
}

struct state_versions state_own_versions(void)
{
	return (struct state_versions){
		.control = CONTROL_VERSION, .proto_oldest = PROTO_VERSION_OLDEST,
		.proto_newest = PROTO_VERSION_NEWEST, .layout = ARENA_LAYOUT_VERSION,
	};
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_new(const struct runtime *r, const char *name, const struct state *s)
{
	int fd = openat(r->folder, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, s, sizeof(*s) + s->head.text_size);
	close(fd);
	return ret;
}

int state_write(const struct runtime *r, const struct state *s)
{
	char name[RUNTIME_NAME_SIZE], new_name[RUNTIME_NAME_SIZE];
	int ret;

	runtime_file(r, ENDING, name);
	runtime_file(r, NEW_ENDING, new_name);
	ret = write_new(r, new_name, s);
	if (!ret && renameat(r->folder, new_name, r->folder, name))
		ret = -errno;
	return ret;
}

static int read_all(int fd, void *data, size_t size)
{
	char *at = data;

	while (size) {
		ssize_t n = read(fd, at, size);

		if (n <= 0)
			return n ? -errno : -EINVAL;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

_Static_assert(LINES_MAX <= STATE_PROCESSES, "a head has room for all processes");

static bool has_texts(const struct state *s)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < s->head.text_size; i++)
		n += !s->text[i];
	return n == STATE_TEXTS && !s->text[s->head.text_size - 1];
}

static int check_head(const struct state_head *h, size_t size)
{
	char boot[STATE_BOOT_SIZE] = { 0 };

	if (size < sizeof(*h) || h->magic != STATE_MAGIC || h->n > STATE_PROCESSES ||
	    h->nps > h->n)
		return -EINVAL;
	read_boot(boot);
	return memcmp(boot, h->boot, sizeof(boot)) ? -ENOENT : 0;
}

static bool has_sockets(const struct state *s)
{
	for (unsigned int i = 0; i < PROTO_MAX_NPS; i++)
		if (s->sockets[i].n > LISTEN_MAX)
			return false;
	return s->listening.n <= LISTEN_MAX;
}

static bool has_identities(const struct state *s)
{
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++)
		if (!memchr(s->identity[i], '\0', DISK_IDENTITY_SIZE))
			return false;
	return true;
}

/* All numbers of processes are those of the head. */
static bool agrees(const struct state *s)
{
	const struct state_head *h = &s->head;

	return h->n <= LINES_MAX && h->nps <= PROTO_MAX_NPS && h->n - h->nps <= PROTO_MAX_SPS &&
	       s->lines.n == h->n && s->pairs.nps == h->nps && s->pairs.sps == h->n - h->nps;
}

static int check(const struct state *s, size_t size)
{
	const struct state_head *h = &s->head;
	int ret = check_head(h, size);

	if (ret)
		return ret;
	if (h->version != STATE_VERSION || h->size != sizeof(*s))
		return -EPROTO;
	if (size != sizeof(*s) + (size_t)h->text_size || !has_texts(s) || !agrees(s) ||
	    !has_sockets(s) || !has_identities(s))
		return -EINVAL;
	return 0;
}

static int read_checked(int fd, struct state **out)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > STATE_SIZE_MAX)
		return -EINVAL;
	/* Room for all members, also if the file is shorter. */
	*out = calloc(1, (size_t)st.st_size + sizeof(struct state));
	if (!*out)
		return -ENOMEM;
	ret = read_all(fd, *out, (size_t)st.st_size);
	return ret ? ret : check(*out, (size_t)st.st_size);
}

static int log_read_error(const struct runtime *r, const char *name, int err)
{
	if (err && err != -EPROTO && err != -ENOENT)
		log_error("cannot read %s/%s: %s", r->path, name, log_reason(-err));
	return err;
}

int state_read(const struct runtime *r, struct state **out)
{
	char name[RUNTIME_NAME_SIZE];
	int fd, ret;

	*out = NULL;
	runtime_file(r, ENDING, name);
	fd = openat(r->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return log_read_error(r, name, -errno);
	ret = read_checked(fd, out);
	close(fd);
	if (ret && ret != -EPROTO) {
		free(*out);
		*out = NULL;
	}
	return log_read_error(r, name, ret);
}

void state_remove(const struct runtime *r)
{
	char name[RUNTIME_NAME_SIZE];

	runtime_file(r, ENDING, name);
	unlinkat(r->folder, name, 0);
	runtime_file(r, NEW_ENDING, name);
	unlinkat(r->folder, name, 0);
}
