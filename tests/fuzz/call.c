// SPDX-License-Identifier: MIT
/*
 * Ioctls whose structure is passed in every wrong way, and in unusual ways that are
 * allowed.
 */
#include "fuzz.h"

#include <stddef.h>
#include <sys/resource.h>

/* The place of the structure in memory. */
enum place {
	PLACE_GOOD,
	PLACE_AT_END,		/* its last byte is the last one of the mapping */
	PLACE_READ_ONLY,
	PLACE_NULL,
	PLACE_UNMAPPED,
	PLACE_KERNEL,
	PLACE_OVER_END,		/* its second half is not mapped */
};

static const char *const place_names[] = {
	"", " args=at-end", " args=read-only", " args=NULL", " args=unmapped", " args=kernel",
	" args=over-end",
};

void *call_begin(struct call *c, int fd, unsigned long cmd, size_t known, size_t min, bool out)
{
	uint32_t size = (uint32_t)known;

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->cmd = cmd;
	c->known = known;
	c->min = min;
	c->out = out;
	memcpy(c->raw, &size, sizeof(size));
	return c->raw;
}

/* The size in the structure: wrong, or longer with the bytes that it then needs. */
static uint32_t draw_size(struct call *c)
{
	uint32_t sizes[] = {
		0, 4, (uint32_t)c->min - 1, (uint32_t)c->min, (uint32_t)c->known + 8,
		(uint32_t)c->known + 8, 4096, 4097, 1U << 31, ~0U,
	};
	uint32_t size = sizes[rnd(ARRAY_LEN(sizes))];

	if (size > c->known && size <= 4096 && one_in(2))
		c->raw[c->known + rnd(size - c->known)] = 1;
	memcpy(c->raw, &size, sizeof(size));
	return size;
}

static void want_size(struct call *c, uint32_t size, struct want *x)
{
	want(x, EINVAL, size < c->min);
	want(x, E2BIG, size > 4096);
	for (size_t i = c->known; i < size && i < 4096; i++)
		if (c->raw[i]) {
			want(x, E2BIG, true);
			break;
		}
}

static uint64_t draw_place(enum place place, uint32_t length)
{
	switch (place) {
	case PLACE_GOOD:
		return SCRATCH;
	case PLACE_AT_END:
		return SCRATCH + SCRATCH_SIZE - length;
	case PLACE_READ_ONLY:
		return SCRATCH_RO;
	case PLACE_NULL:
		return 0;
	case PLACE_UNMAPPED:
		return SCRATCH + SCRATCH_SIZE;
	case PLACE_KERNEL:
		return 0xffff888000000000UL + (rnd64() & 0xffff000);
	default:
		return SCRATCH + SCRATCH_SIZE - length / 2;
	}
}

/* A flag that the command does not know. */
static uint32_t draw_flag(const struct call *c)
{
	uint32_t flag;

	do {
		flag = 1U << rnd(32);
	} while (flag & c->flags);
	return flag;
}

/* Make the call with a limit of open files that leaves no descriptor free. */
static int64_t call_starved(unsigned int w, struct order *o, struct call *c)
{
	pid_t pid = model.worker[w].pid;
	struct rlimit before, none;
	int64_t ret;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &before))
		fail("prlimit: %s", strerror(errno));
	none = (struct rlimit){ 0, before.rlim_max };
	prlimit(pid, RLIMIT_NOFILE, &none, NULL);
	ret = worker_call(w, o, c->raw, c->raw, sizeof(c->raw));
	prlimit(pid, RLIMIT_NOFILE, &before, NULL);
	return ret;
}

bool call_ioctl(unsigned int w, struct call *c, struct want *x)
{
	uint32_t size = (uint32_t)c->known, length, flags, unknown = 0;
	struct order o = { .work = WORK_SYSCALL, .a = SYS_ioctl };
	bool starved = c->gives_fd && one_in(16);
	enum place place = PLACE_GOOD;
	unsigned int before = x->n;

	if (one_in(12))
		size = draw_size(c);
	if (one_in(24))
		unknown = draw_flag(c);
	if (one_in(12))
		place = rnd(PLACE_OVER_END) + 1;
	/* The bytes to pass: the kernel reads no more than the size, and at most a page. */
	length = size < 8 ? 8 : size > 4096 ? 4096 : size;
	want_size(c, size, x);
	memcpy(&flags, c->raw + 4, sizeof(flags));
	flags |= unknown;
	memcpy(c->raw + 4, &flags, sizeof(flags));
	want(x, EINVAL, unknown && size >= c->min);
	want(x, EMFILE, starved);
	want(x, EFAULT, place >= PLACE_NULL || (place == PLACE_READ_ONLY && c->out));
	if (x->n > before)
		x->may_pass = false;
	note(" size=%u flags=0x%x%s%s", size, flags, place_names[place],
	     starved ? " no-descriptors" : "");

	o.b[0] = (uint64_t)c->fd;
	o.b[1] = c->cmd;
	o.b[2] = draw_place(place, length);
	o.length = length;
	if (place == PLACE_AT_END)
		o.at = (uint32_t)(SCRATCH_SIZE - length);
	if (place == PLACE_OVER_END) {
		o.at = (uint32_t)(SCRATCH_SIZE - length / 2);
		o.length = length / 2;
	}
	o.want = o.length;
	c->result = starved ? call_starved(w, &o, c) :
			      worker_call(w, &o, c->raw, c->raw, sizeof(c->raw));
	return check_result(x, c->result);
}
