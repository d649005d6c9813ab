/* SPDX-License-Identifier: MIT */
/*
 * Helpers for the tests of the device: its calls, memory to donate, loads and stores that
 * survive their signal, and a peer, which is an unrelated process (after execve, with an
 * address space of its own) that executes one command at a time.
 */
#ifndef UAPI_UTIL_H
#define UAPI_UTIL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/msharearena.h>

#include "../tap.h"

#define WINDOW	((unsigned long)MSHAREARENA_WINDOW_SIZE)
#define SZ_2M	((unsigned long)MSHAREARENA_PAGE_2M)
#define SZ_1G	((unsigned long)MSHAREARENA_PAGE_1G)
#define SZ_4K	4096UL

/* ---- the machine ---- */

static inline long read_long(const char *path)
{
	FILE *f = fopen(path, "re");
	long v = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%li", &v) != 1)
		v = -1;
	fclose(f);
	return v;
}

static inline long hugepages(uint64_t size, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB/%s",
		 (unsigned long)size >> 10, what);
	return read_long(path);
}

/* The number of pinned pages of the whole machine, in pages of 4 KiB. */
static inline long pinned_pages(void)
{
	long acquired = -1, released = 0;
	char line[128];
	FILE *f;

	/* Each processor has a counter of its own; reading this adds them up. */
	read_long("/proc/sys/vm/stat_refresh");
	f = fopen("/proc/vmstat", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "nr_foll_pin_acquired %ld", &acquired) != 1 &&
		    sscanf(line, "nr_foll_pin_released %ld", &released) != 1)
			continue;
	}
	if (!f || acquired < 0)
		bail("/proc/vmstat does not count pinned pages");
	fclose(f);
	return acquired - released;
}

/*
 * A number that must be the same at the beginning and the end of a test: the free pages of
 * the pool, or for 4 KiB pages, which have no pool, the pinned pages, negated.
 */
static inline long pages_free(uint64_t size)
{
	return size == SZ_4K ? -pinned_pages() : hugepages(size, "free_hugepages");
}

/* The length of a region in tests that run with each page size: two table entries. */
static inline uint64_t two_of(uint64_t size)
{
	return size == SZ_4K ? 2 * SZ_2M : 2 * size;
}

/* Set a parameter of the module; returns the old value. */
static inline long set_param(const char *name, long value)
{
	char path[128];
	long old;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/msharearena/parameters/%s", name);
	old = read_long(path);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%ld\n", value) < 0 || fclose(f))
		bail("%s: %s", path, strerror(errno));
	return old;
}

/* Reserve 2 MiB pages; 1 GiB pages come from the kernel's command line. */
static inline void reserve_2m(long n)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "we");

	if (!f)
		bail("no 2 MiB huge pages on this machine");
	fprintf(f, "%ld\n", n);
	fclose(f);
	if (hugepages(SZ_2M, "nr_hugepages") < n)
		bail("could not reserve 2 MiB huge pages: too little free memory");
}

static inline void need_1g(long n)
{
	if (hugepages(SZ_1G, "free_hugepages") < n)
		bail("need free 1 GiB huge pages: boot with hugepagesz=1G hugepages=2");
}

/* ---- the device; -errno on error ---- */

static inline int control_open(void)
{
	int fd = open("/dev/msharearena", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bail("open /dev/msharearena: %s (is the module loaded?)", strerror(errno));
	return fd;
}

/* Execute a command on this file; returns 0 or a descriptor, or -errno. */
static inline int command(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int ctl(unsigned long cmd, void *arg)
{
	int fd = control_open();
	int ret = command(fd, cmd, arg);

	close(fd);
	return ret;
}

/* Close the descriptor that a command returned, if it did; returns 0 or -errno. */
static inline int closed(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static inline struct msharearena_create create_args(const char *name,
						    uint64_t page_size,
						    uint64_t length)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.length = length,
		.page_size = page_size,
		.uid = -1,
		.gid = -1,
		.mode = 0600,
	};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
}

/* CREATE; returns a descriptor of the new region's view rw, or -errno. */
static inline int create_open(const struct msharearena_create *args)
{
	struct msharearena_create c = *args;

	return ctl(MSHAREARENA_CREATE, &c);
}

/* CREATE, after which only its name keeps the region. */
static inline int create_named(const struct msharearena_create *args)
{
	return closed(create_open(args));
}

static inline int region_create_open(const char *name, uint64_t page_size, uint64_t length)
{
	struct msharearena_create c = create_args(name, page_size, length);

	return create_open(&c);
}

static inline int region_create(const char *name, uint64_t page_size, uint64_t length)
{
	return closed(region_create_open(name, page_size, length));
}

/* @node: REGION/VIEW */
static inline int node_open(const char *node, int flags)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "/dev/mshare/%s", node);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int view_open(const char *name, const char *view, int flags)
{
	char node[128];

	snprintf(node, sizeof(node), "%s/%s", name, view);
	return node_open(node, flags);
}

/* UNLINK: remove the name of the region to which this file belongs. */
static inline int view_unlink(int fd)
{
	struct msharearena_unlink u = { .size = sizeof(u) };

	return command(fd, MSHAREARENA_UNLINK, &u);
}

/* Unlink by a node that the caller may open, rw or else ro. */
static inline int region_unlink(const char *name)
{
	int fd = view_open(name, "rw", O_RDONLY);
	int ret;

	if (fd < 0)
		fd = view_open(name, "ro", O_RDONLY);
	if (fd < 0)
		return fd;
	ret = view_unlink(fd);
	close(fd);
	return ret;
}

static inline int view_export(int fd, const void *addr, uint64_t length, uint64_t offset)
{
	struct msharearena_export e = {
		.size = sizeof(e),
		.addr = (uint64_t)(uintptr_t)addr,
		.length = length,
		.offset = offset,
	};

	return ioctl(fd, MSHAREARENA_EXPORT, &e) ? -errno : 0;
}

static inline struct msharearena_region view_region(int fd)
{
	struct msharearena_region r = { .size = sizeof(r) };

	if (ioctl(fd, MSHAREARENA_GET_REGION, &r))
		bail("GET_REGION: %s", strerror(errno));
	return r;
}

/* The address of the region with this name. */
static inline uint64_t region_addr(const char *name)
{
	int fd = view_open(name, "ro", O_RDONLY);
	uint64_t addr;

	if (fd < 0)
		bail("open %s/ro: %s", name, strerror(-fd));
	addr = view_region(fd).addr;
	close(fd);
	return addr;
}

#define DEBUGFS "/sys/kernel/debug/msharearena"

/* The name of a region's directory in debugfs is its address. */
static inline const char *debugfs_path(uint64_t addr, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%lx/%s", (unsigned long)addr, file);
	return path;
}

static inline void *donor(uint64_t page_size, uint64_t length)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	void *p;

	if (page_size == SZ_4K)
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
	else
		flags |= page_size == SZ_1G ? MAP_HUGE_1GB : MAP_HUGE_2MB;
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Export new memory into a region and unmap it here. */
static inline int donate(int fd, uint64_t page_size, uint64_t length, uint64_t offset)
{
	void *p = donor(page_size, length);
	int ret;

	if (!p)
		return -errno;
	ret = view_export(fd, p, length, offset);
	munmap(p, length);
	return ret;
}

/* mmap() may be interrupted while it waits for the notifier: try again. */
static inline char *attach(int fd, int prot)
{
	void *p;

	do {
		p = mmap(NULL, WINDOW, prot, MAP_SHARED, fd, 0);
	} while (p == MAP_FAILED && errno == EINTR);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- rings ---- */

/* A pidfd for commands that name a process, or -1 for pid 0. */
static inline int pidfd_of(pid_t pid)
{
	int fd = pid ? syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pid && fd < 0)
		bail("pidfd_open of process %d: %s", pid, strerror(errno));
	return fd;
}

/* @to_pidfd: -1 for anybody */
static inline int publish(int fd, int ring_fd, uint64_t tag, int to_pidfd)
{
	struct msharearena_publish p = {
		.size = sizeof(p), .ring_fd = ring_fd, .tag = tag, .to_pidfd = to_pidfd,
	};

	return command(fd, MSHAREARENA_PUBLISH, &p);
}

static inline int withdraw(int fd, uint64_t tag)
{
	struct msharearena_withdraw w = { .size = sizeof(w), .tag = tag };

	return command(fd, MSHAREARENA_WITHDRAW, &w);
}

/* TAKE: returns the ring or -errno. @from_pidfd: -1 for anybody */
static inline int take(int fd, int from_pidfd, uint64_t tag)
{
	struct msharearena_take t = {
		.size = sizeof(t), .from_pidfd = from_pidfd, .tag = tag,
	};

	return command(fd, MSHAREARENA_TAKE, &t);
}

/* take() that waits for the ring until its publisher has ended or @ms are over. */
static inline int take_within(int fd, int from_pidfd, uint64_t tag, int ms)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = from_pidfd, .events = POLLIN },
		};
		int ret = take(fd, from_pidfd, tag);

		if (ret != -EAGAIN || ms <= 0)
			return ret;
		/* A ring with another tag may keep the file readable. */
		if (poll(p, 2, ms < 50 ? ms : 50))
			usleep(1000);
		ms -= 50;
	}
}

/* A region with memory, open for writing. @addr: 0 for a random one */
static inline int region_with_at(const char *name, uint64_t page_size, uint64_t length,
				 uint64_t addr)
{
	struct msharearena_create c = create_args(name, page_size, length);
	int fd, ret;

	c.addr = addr;
	region_unlink(name);
	fd = create_open(&c);
	if (fd < 0)
		bail("create %s: %s", name, strerror(-fd));
	ret = donate(fd, page_size, length, 0);
	if (ret)
		bail("donate to %s: %s", name, strerror(-ret));
	return fd;
}

static inline int region_with(const char *name, uint64_t page_size, uint64_t length)
{
	return region_with_at(name, page_size, length, 0);
}

/* ---- accesses that survive their signal ---- */

static sigjmp_buf util_jump;

static void util_on_fault(int sig)
{
	siglongjmp(util_jump, sig);
}

static inline void util_catch(bool on)
{
	struct sigaction sa = { .sa_handler = on ? util_on_fault : SIG_DFL };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* Returns 0, or the signal that the access raised. */
static inline int try_load(const volatile void *p, uint64_t *value)
{
	int sig = sigsetjmp(util_jump, 1);

	if (!sig) {
		util_catch(true);
		*value = *(const volatile uint64_t *)p;
	}
	util_catch(false);
	return sig;
}

static inline int try_store(volatile void *p, uint64_t value)
{
	int sig = sigsetjmp(util_jump, 1);

	if (!sig) {
		util_catch(true);
		*(volatile uint64_t *)p = value;
	}
	util_catch(false);
	return sig;
}

/* Fill memory with words that are all different, so that a wrong or old page shows. */
static inline void fill(char *p, uint64_t bytes, uint64_t seed)
{
	for (uint64_t i = 0; i < bytes; i += 4096)
		*(volatile uint64_t *)(p + i) = (seed + i) * 0x9e3779b97f4a7c15ULL;
}

static inline bool filled(const char *p, uint64_t bytes, uint64_t seed)
{
	for (uint64_t i = 0; i < bytes; i += 4096)
		if (*(const volatile uint64_t *)(p + i) !=
		    (seed + i) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

/* ---- a peer ---- */

enum peer_op {
	PEER_OPEN,	/* a: 1 for ro; text: region; returns fd or -errno */
	PEER_ATTACH,	/* a: prot; returns address or -errno */
	PEER_DETACH,
	PEER_LOAD,	/* a: address; returns signal, value in reply */
	PEER_STORE,	/* a: address, b: value; returns signal */
	PEER_FILL,	/* a: address, b: bytes, c: seed */
	PEER_FILLED,	/* returns 1 if so */
	PEER_READ_FILE,	/* text: path; returns bytes read or -errno */
	PEER_CLOSE,
	PEER_EXEC,	/* execve /bin/sleep; no answer */
	PEER_EXIT,	/* no answer */
	PEER_TAKE,	/* a: from, b: tag, c: ms to wait; returns fd or -errno */
	PEER_PUBLISH,	/* a: ring fd, b: tag, c: to */
	PEER_OPEN_VIEW,	/* a: open flags; text: REGION/VIEW; returns fd or -errno */
	PEER_OPS,
};

struct peer_msg {
	int op;			/* enum peer_op, or one of a test's own */
	int64_t a, b, c;
	char text[96];
};

struct peer {
	pid_t pid;
	int sock;
	uint64_t value;		/* the result of the last PEER_LOAD */
};

static inline int64_t peer_read_file(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t total = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		total += n;
	if (n < 0)
		total = -errno;
	close(fd);
	return total;
}

/* Read every file in a folder. */
static inline void read_folder(const char *path)
{
	DIR *dir = opendir(path);
	char file[512];
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		if (d->d_type != DT_REG)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
		peer_read_file(file);
	}
	if (dir)
		closedir(dir);
}

/* A test whose peers execute other commands, too, defines this before it includes util.h. */
#ifndef PEER_EXTRA
#define PEER_EXTRA(m, fd) (-ENOSYS)
#endif

static inline int64_t peer_do(struct peer_msg *m, int *fd, char **map, uint64_t *value)
{
	int64_t ret;
	int pidfd;

	switch (m->op) {
	case PEER_OPEN:
		*fd = view_open(m->text, m->a ? "ro" : "rw", m->a ? O_RDONLY : O_RDWR);
		return *fd;
	case PEER_ATTACH:
		*map = attach(*fd, m->a);
		return *map ? (int64_t)(uintptr_t)*map : -errno;
	case PEER_DETACH:
		return munmap(*map, WINDOW) ? -errno : 0;
	case PEER_LOAD:
		return try_load((void *)(uintptr_t)m->a, value);
	case PEER_STORE:
		return try_store((void *)(uintptr_t)m->a, m->b);
	case PEER_FILL:
		fill((char *)(uintptr_t)m->a, m->b, m->c);
		return 0;
	case PEER_FILLED:
		return filled((char *)(uintptr_t)m->a, m->b, m->c);
	case PEER_READ_FILE:
		return peer_read_file(m->text);
	case PEER_CLOSE:
		return close(*fd) ? -errno : 0;
	case PEER_EXEC:
		execl("/bin/sleep", "sleep", "100", (char *)NULL);
		_exit(127);
	case PEER_EXIT:
		_exit(0);
	case PEER_TAKE:
		pidfd = pidfd_of(m->a);
		ret = take_within(*fd, pidfd, m->b, m->c);
		closed(pidfd);
		return ret;
	case PEER_PUBLISH:
		pidfd = pidfd_of(m->c);
		ret = publish(*fd, m->a, m->b, pidfd);
		closed(pidfd);
		return ret;
	case PEER_OPEN_VIEW:
		*fd = node_open(m->text, m->a);
		return *fd;
	default:
		return PEER_EXTRA(m, *fd);
	}
}

/* To be called first in main(). It does not return in a peer. */
static inline void peer_main(int argc, char **argv)
{
	struct peer_msg m;
	char *map = NULL;
	int fd = -1, sock;

	if (argc != 3 || strcmp(argv[1], "--peer"))
		return;
	sock = atoi(argv[2]);
	while (recv(sock, &m, sizeof(m), 0) == sizeof(m)) {
		int64_t answer[2] = { 0, 0 };

		answer[0] = peer_do(&m, &fd, &map, (uint64_t *)&answer[1]);
		if (send(sock, answer, sizeof(answer), 0) != sizeof(answer))
			_exit(1);
	}
	_exit(0);
}

static inline struct peer peer_start(void)
{
	struct peer p = { 0 };
	char num[16];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	p.pid = fork();
	if (p.pid < 0)
		bail("fork: %s", strerror(errno));
	if (!p.pid) {
		fcntl(sv[1], F_SETFD, 0);
		snprintf(num, sizeof(num), "%d", sv[1]);
		execl("/proc/self/exe", "peer", "--peer", num, (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	p.sock = sv[0];
	return p;
}

static inline void peer_send(struct peer *p, struct peer_msg m)
{
	if (send(p->sock, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m))
		bail("peer %d is gone", p->pid);
}

static inline int64_t peer_wait(struct peer *p)
{
	int64_t answer[2];

	if (recv(p->sock, answer, sizeof(answer), 0) != sizeof(answer))
		bail("peer %d died", p->pid);
	p->value = answer[1];
	return answer[0];
}

static inline int64_t peer_call(struct peer *p, struct peer_msg m)
{
	peer_send(p, m);
	return peer_wait(p);
}

#define PEER(p, ...) peer_call(&(p), (struct peer_msg){ __VA_ARGS__ })

/* Make a peer open and attach a view; returns the address, or -errno. */
static inline int64_t peer_attach(struct peer *p, const char *name, bool ro)
{
	struct peer_msg m = { .op = PEER_OPEN, .a = ro };
	int64_t ret;

	snprintf(m.text, sizeof(m.text), "%s", name);
	ret = peer_call(p, m);
	if (ret < 0)
		return ret;
	return PEER(*p, .op = PEER_ATTACH, .a = ro ? PROT_READ : PROT_READ | PROT_WRITE);
}

static inline int peer_reap(struct peer *p)
{
	int status = 0;

	close(p->sock);
	waitpid(p->pid, &status, 0);
	return status;
}

static inline int peer_kill(struct peer *p)
{
	kill(p->pid, SIGKILL);
	return peer_reap(p);
}

/*
 * The main() of tests that run with each page size. @n_2m: the number of 2 MiB pages that
 * the test needs, beside two of 1 GiB.
 */
static inline int test_each_size(int argc, char **argv, long n_2m, void (*test)(uint64_t size))
{
	peer_main(argc, argv);
	reserve_2m(n_2m);
	need_1g(2);
	test(SZ_4K);
	test(SZ_2M);
	test(SZ_1G);
	return done_testing();
}

#endif /* UAPI_UTIL_H */
