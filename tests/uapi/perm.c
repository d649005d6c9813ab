// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: the mode of a node decides who can open it how, and the open file what it allows. */
#include "users.h"
#include "views.h"

#define NAME "test-perm"

/* The users in the order of the columns below. */
static const struct user users[] = {
	{ .name = "root" },
	{ .name = "the owner", .uid = 1001, .gid = 2009 },
	{ .name = "a group member", .uid = 1002, .gid = 2002, .also = 2001 },
	{ .name = "a stranger", .uid = 1003, .gid = 2003 },
};

struct opening {
	const char *view;
	int flags;
	int want[ARRAY_LEN(users)];
};

#define NO (-EACCES)

/* Modes: rw 0640, ro 0440, part 0664, look 0664 without the bits that allow writing */
static const struct opening openings[] = {
	{ "rw", O_RDONLY, { 0, 0, 0, NO } },
	{ "rw", O_RDWR, { 0, 0, NO, NO } },
	{ "rw", O_WRONLY, { 0, 0, NO, NO } },
	{ "ro", O_RDONLY, { 0, 0, 0, NO } },
	{ "ro", O_RDWR, { NO, NO, NO, NO } },
	{ "ro", O_WRONLY, { NO, NO, NO, NO } },
	{ "part", O_RDONLY, { 0, 0, 0, 0 } },
	{ "part", O_RDWR, { 0, 0, 0, NO } },
	{ "part", O_WRONLY, { 0, 0, 0, NO } },
	{ "look", O_RDONLY, { 0, 0, 0, 0 } },
	{ "look", O_RDWR, { NO, NO, NO, NO } },
	{ "look", O_WRONLY, { NO, NO, NO, NO } },
};

static const char *how(int flags)
{
	static const char *const names[] = { "O_RDONLY", "O_WRONLY", "O_RDWR" };

	return names[flags & O_ACCMODE];
}

static int try_open(void *arg)
{
	const struct opening *o = arg;
	int fd = view_open(NAME, o->view, o->flags);

	return fd < 0 ? fd : 0;
}

static void test_open(void)
{
	for (size_t i = 0; i < ARRAY_LEN(openings); i++)
		for (size_t j = 0; j < ARRAY_LEN(users); j++)
			is(as(&users[j], try_open, (void *)&openings[i]),
			   openings[i].want[j], "%s %s open %s %s",
			   users[j].name, openings[i].want[j] ? "cannot" : "can",
			   openings[i].view, how(openings[i].flags));
}

/* Without accounting, as the kernel would refuse 512 GiB with ENOMEM first. */
#define PRIVATE (MAP_PRIVATE | MAP_NORESERVE)

/* @store: the signal of a store; the first page is writable in rw and part. */
static const struct mapping {
	const char *view;
	int flags, prot, map;
	int want, store;
} mappings[] = {
	{ "rw", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0 },
	{ "rw", O_RDWR, PROT_READ, MAP_SHARED, 0, SIGSEGV },
	{ "rw", O_RDWR, PROT_READ | PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "rw", O_RDWR, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "rw", O_RDWR, PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "rw", O_RDWR, PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "rw", O_RDWR, PROT_NONE, MAP_SHARED, NO, 0 },
	{ "rw", O_RDWR, PROT_READ | PROT_WRITE, PRIVATE, -EINVAL, 0 },
	{ "rw", O_RDWR, PROT_READ, PRIVATE, -EINVAL, 0 },
	{ "rw", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "rw", O_RDONLY, PROT_READ, MAP_SHARED, 0, SIGSEGV },
	{ "rw", O_RDONLY, PROT_READ, PRIVATE, -EINVAL, 0 },
	{ "rw", O_RDONLY, PROT_READ | PROT_WRITE, PRIVATE, -EINVAL, 0 },
	{ "rw", O_WRONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "rw", O_WRONLY, PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "rw", O_WRONLY, PROT_READ, MAP_SHARED, NO, 0 },
	{ "ro", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "ro", O_RDONLY, PROT_READ, MAP_SHARED, 0, SIGSEGV },
	{ "ro", O_RDONLY, PROT_READ | PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "ro", O_RDONLY, PROT_NONE, MAP_SHARED, NO, 0 },
	{ "ro", O_RDONLY, PROT_READ, PRIVATE, -EINVAL, 0 },
	{ "ro", O_RDONLY, PROT_READ | PROT_WRITE, PRIVATE, -EINVAL, 0 },
	{ "part", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0 },
	{ "part", O_RDWR, PROT_READ, MAP_SHARED, NO, 0 },
	{ "part", O_RDWR, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "part", O_RDWR, PROT_NONE, MAP_SHARED, NO, 0 },
	{ "part", O_RDWR, PROT_READ | PROT_WRITE, PRIVATE, -EINVAL, 0 },
	{ "part", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "part", O_RDONLY, PROT_READ, MAP_SHARED, NO, 0 },
	{ "part", O_WRONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "look", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, NO, 0 },
	{ "look", O_RDONLY, PROT_READ, MAP_SHARED, 0, SIGSEGV },
	{ "look", O_RDONLY, PROT_READ | PROT_EXEC, MAP_SHARED, NO, 0 },
	{ "look", O_RDONLY, PROT_READ | PROT_WRITE, PRIVATE, -EINVAL, 0 },
};

static void try_mapping(const struct mapping *m)
{
	int fd = view_open(NAME, m->view, m->flags);
	void *p = mmap(NULL, WINDOW, m->prot, m->map, fd, 0);
	int got = p == MAP_FAILED ? -errno : 0;

	is(got, m->want, "mmap of %s opened %s as %s%s%s%s %s", m->view, how(m->flags),
	   m->prot & PROT_READ ? "r" : "-", m->prot & PROT_WRITE ? "w" : "-",
	   m->prot & PROT_EXEC ? "x" : "-", m->map == PRIVATE ? " private" : "",
	   m->want ? "is refused" : "succeeds");
	if (!got) {
		is(try_store(p, 1), m->store, "a store to %s attached as %s%s %s", m->view,
		   m->prot & PROT_READ ? "r" : "-", m->prot & PROT_WRITE ? "w" : "-",
		   m->store ? "raises a signal" : "succeeds");
		munmap(p, WINDOW);
	}
	close(fd);
}

static void test_mmap(void)
{
	for (size_t i = 0; i < ARRAY_LEN(mappings); i++)
		try_mapping(&mappings[i]);
}

/* Each command has a wrong argument, which it reports only if the file was right. */
static int try_export(int fd)
{
	return view_export(fd, NULL, 0, 0);
}

static int try_publish(int fd)
{
	return publish(fd, -1, 0, -1);
}

static int try_withdraw(int fd)
{
	return withdraw(fd, 0);
}

static int try_take(int fd)
{
	return take(fd, -1, 0);
}

static int busy(int fd, uint32_t flags)
{
	struct msharearena_busy q = { .size = sizeof(q), .flags = flags, .length = SZ_2M };

	return command(fd, MSHAREARENA_GET_BUSY, &q);
}

static int try_busy(int fd)
{
	return busy(fd, 0);
}

static int try_drain(int fd)
{
	return busy(fd, MSHAREARENA_BUSY_DRAIN);
}

static int try_get(int fd)
{
	struct msharearena_region r = { .size = sizeof(r) };

	return command(fd, MSHAREARENA_GET_REGION, &r);
}

static int try_info(int fd)
{
	struct msharearena_info i = { .size = sizeof(i) };

	return command(fd, MSHAREARENA_GET_INFO, &i);
}

static int try_next(int fd)
{
	struct msharearena_region r = { .size = sizeof(r), .addr = -1 };

	return command(fd, MSHAREARENA_NEXT_REGION, &r);
}

static int try_unlink(int fd)
{
	struct msharearena_unlink u = { .size = sizeof(u), .flags = 1 };

	return command(fd, MSHAREARENA_UNLINK, &u);
}

static int try_add_view(int fd)
{
	struct msharearena_view v = view_args("view", NULL, 0);

	return command(fd, MSHAREARENA_ADD_VIEW, &v);
}

static int try_create(int fd)
{
	struct msharearena_create c = create_args("", SZ_2M, SZ_2M);

	return command(fd, MSHAREARENA_CREATE, &c);
}

#define COMMANDS 12
#define NOT (-ENOTTY)
#define BAD (-EINVAL)

static const struct {
	const char *name;
	int (*fn)(int fd);
} commands[COMMANDS] = {
	{ "EXPORT", try_export }, { "ADD_VIEW", try_add_view }, { "PUBLISH", try_publish },
	{ "WITHDRAW", try_withdraw }, { "TAKE", try_take }, { "BUSY_DRAIN", try_drain },
	{ "GET_BUSY", try_busy }, { "GET_REGION", try_get }, { "UNLINK", try_unlink },
	{ "GET_INFO", try_info }, { "CREATE", try_create }, { "NEXT_REGION", try_next },
};

/* On the right kind of file the error is about the wrong argument. */
static const struct {
	const char *view;
	int flags;
	int want[COMMANDS];
} files[] = {
	{ "rw", O_RDWR,
	  { BAD, BAD, -EBADF, -ENOTCONN, -EAGAIN, 0, 0, 0, BAD, NOT, NOT, NOT } },
	{ "rw", O_WRONLY,
	  { BAD, BAD, -EBADF, -ENOTCONN, -EAGAIN, 0, 0, 0, BAD, NOT, NOT, NOT } },
	{ "rw", O_RDONLY, { NO, NO, NO, NO, NO, NO, 0, 0, BAD, NOT, NOT, NOT } },
	{ "ro", O_RDONLY, { NO, NO, NO, NO, NO, NO, 0, 0, BAD, NOT, NOT, NOT } },
	{ "part", O_RDWR,
	  { NO, NO, -EBADF, -ENOTCONN, -EAGAIN, 0, 0, 0, NO, NOT, NOT, NOT } },
	{ "part", O_WRONLY,
	  { NO, NO, -EBADF, -ENOTCONN, -EAGAIN, 0, 0, 0, NO, NOT, NOT, NOT } },
	{ "part", O_RDONLY, { NO, NO, NO, NO, NO, NO, 0, 0, NO, NOT, NOT, NOT } },
	{ "look", O_RDONLY, { NO, NO, NO, NO, NO, NO, 0, 0, NO, NOT, NOT, NOT } },
	{ NULL, O_RDWR,
	  { NOT, NOT, NOT, NOT, NOT, NOT, NOT, NOT, NOT, 0, BAD, -ENOENT } },
	{ NULL, O_RDONLY,
	  { NOT, NOT, NOT, NOT, NOT, NOT, NOT, NOT, NOT, 0, BAD, -ENOENT } },
};

static void test_commands(void)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *view = files[i].view;
		int fd = view ? view_open(NAME, view, files[i].flags) :
				open("/dev/msharearena", files[i].flags | O_CLOEXEC);

		for (size_t j = 0; j < COMMANDS; j++)
			is(commands[j].fn(fd), files[i].want[j],
			   "%s on %s opened %s gives the expected result",
			   commands[j].name, view ? view : "the control device",
			   how(files[i].flags));
		close(fd);
	}
}

/* The nodes are files like others, whose mode and owner can be changed afterwards. */
static void test_chmod(void)
{
	const char *rw = "/dev/mshare/" NAME "/rw";
	const struct opening to_read = { .view = "rw", .flags = O_RDONLY };
	const struct opening to_write = { .view = "rw", .flags = O_RDWR };

	is(chmod(rw, 0604), 0, "chmod of a node to 0604 succeeds");
	is(as(&users[2], try_open, (void *)&to_read), NO,
	   "after chmod 0604 the group cannot open the node");
	is(as(&users[3], try_open, (void *)&to_read), 0,
	   "after chmod 0604 others can open the node for reading");
	is(as(&users[3], try_open, (void *)&to_write), NO,
	   "after chmod 0604 others cannot open the node for writing");
	is(chown(rw, 1003, 2002), 0, "chown of a node to a stranger succeeds");
	is(as(&users[3], try_open, (void *)&to_write), 0,
	   "the new owner of a node can open it for writing");
	is(as(&users[1], try_open, (void *)&to_write), NO,
	   "the former owner of a node cannot open it for writing");
	is(chmod("/dev/mshare/" NAME "/ro", 0666), 0, "chmod of ro to 0666 succeeds");
	is(as(&users[3], try_open, &(struct opening){ .view = "ro", .flags = O_RDWR }), NO,
	   "ro cannot be opened for writing after chmod 0666");
}

int main(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, 3 * SZ_2M);
	struct msharearena_range r[2];
	struct msharearena_view v;
	int fd;

	reserve_2m(8);
	region_unlink(NAME);
	c.uid = 1001;
	c.gid = 2001;
	c.mode = 0640;
	fd = create_open(&c);
	ok(fd >= 0, "a region of mode 0640 is created");
	v = view_args("part", r, layout_ranges("wr", SZ_2M, r));
	v.uid = c.uid;
	v.gid = c.gid;
	v.mode = 0664;
	is(closed(add_view_open(fd, &v)), 0, "a view that is writable in part is added");
	snprintf(v.view, sizeof(v.view), "look");
	v.n_ranges = layout_ranges("rr", SZ_2M, r);
	is(closed(add_view_open(fd, &v)), 0, "a view that is not writable is added");
	is(donate(fd, SZ_2M, 2 * SZ_2M, 0), 0, "two pages are exported");
	close(fd);
	test_open();
	test_mmap();
	test_commands();
	test_chmod();
	region_unlink(NAME);
	return done_testing();
}
