// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: a process can be killed at any moment of any call (creating, exporting, adding a
 * view, attaching, publishing and taking rings, waiting, I/O, reading smaps, exec) without
 * damage. The witness, which has the same region attached, must not notice anything, and
 * nothing may be left behind. SEED in the environment repeats the random choices of a run;
 * $VM_DISK0 names a disk that may be overwritten.
 * timeout: 900
 */
#include "witness.h"
#include "pins.h"

#include "busy.h"
#include "views.h"

#include <liburing.h>
#include <sys/uio.h>

#define NAME "test-kill"
#define MINE "test-kill-mine"
#define RW (PROT_READ | PROT_WRITE)
#define KILLS 8
#define IO (256 * 1024UL)

static unsigned int seed;

static int mine(uint64_t length)
{
	int fd;

	region_unlink(MINE);
	fd = region_create_open(MINE, page_size, length);
	if (fd < 0)
		_exit(1);
	return fd;
}

static char *attached(int *fd)
{
	char *p;

	*fd = view_open(NAME, "rw", O_RDWR);
	p = attach(*fd, RW);
	if (!p || !filled(p, page_size < SZ_2M ? page_size : SZ_2M, WITNESS_SEED))
		_exit(3);
	return p;
}

static void creates(void)
{
	close(mine(4 * page_size));
	region_unlink(MINE);
}

/* Both pages of 1 GiB are in the witness's region, so an export of one fails, but late. */
static void exports(void)
{
	uint64_t length = page_size == SZ_1G ? SZ_1G : 8 * SZ_2M;
	int fd = mine(4 * length);

	for (int i = 0; i < 4; i++)
		donate(fd, page_size, length, i * length);
	close(fd);
	region_unlink(MINE);
}

static void adds_views(void)
{
	char view[32];
	int fd = mine(64 * page_size);

	if (page_size != SZ_1G)
		donate(fd, page_size, 4 * page_size, 0);
	for (int i = 0; i < 20; i++) {
		snprintf(view, sizeof(view), "view-%d", i);
		if (layout_add(MINE, view, "wr.w", page_size))
			_exit(4);
	}
	close(fd);
	region_unlink(MINE);
}

static void attaches(void)
{
	int fd;
	char *p = attached(&fd);

	munmap(p, WINDOW);
	close(fd);
}

static void attaches_and_execs(void)
{
	pid_t pid = fork();
	int fd;

	if (!pid) {
		attached(&fd);
		execl("/bin/true", "true", (char *)NULL);
		_exit(5);
	}
	waitpid(pid, NULL, 0);
}

static void reads_smaps(void)
{
	int fd;
	char *p = attached(&fd);

	peer_read_file("/proc/self/smaps");
	munmap(p, WINDOW);
	close(fd);
}

static void publishes_and_takes(void)
{
	struct io_uring ring;
	int fd;
	char *p = attached(&fd);

	if (io_uring_queue_init(4, &ring, IORING_SETUP_SINGLE_ISSUER))
		_exit(6);
	for (uint64_t tag = 1; tag < 20; tag++) {
		if (publish(fd, ring.ring_fd, tag, -1))
			_exit(7);
		if (tag % 3 == 1)
			closed(take(fd, -1, tag));
		else if (tag % 3 == 2)
			withdraw(fd, tag);
	}
	munmap(p, WINDOW);
	io_uring_queue_exit(&ring);
	close(fd);
}

static void asks(void)
{
	int fds[2], fd;
	char *p = attached(&fd);
	struct iovec iov = { p, 64 };
	struct busy b;

	if (pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != 64)
		_exit(8);
	get_busy_drain(fd, 0, bytes, &b);
	close(fds[0]);
	close(fds[1]);
	munmap(p, WINDOW);
	close(fd);
}

/* Only writes to the disk, as the region's content is compared. */
static void does_io(void)
{
	int disk = open(getenv("VM_DISK0"), O_RDWR | O_DIRECT | O_CLOEXEC), fd;
	char *p = attached(&fd);
	struct iovec iov = { p, IO };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int ret;

	if (io_uring_queue_init(8, &ring, 0))
		_exit(9);
	ret = io_uring_register_buffers(&ring, &iov, 1);
	if (ret && !(ret == -EFAULT && pins_by_mapping(&ring)))
		_exit(10);
	for (int i = 0; i < 4; i++) {
		sqe = io_uring_get_sqe(&ring);
		if (i % 2 && !ret)
			io_uring_prep_write_fixed(sqe, disk, p, IO, i * IO, 0);
		else
			io_uring_prep_write(sqe, disk, p, IO, i * IO);
	}
	io_uring_submit(&ring);
	if (rand() % 2)
		io_uring_queue_exit(&ring);
	munmap(p, WINDOW);
	close(disk);
	close(fd);
}

static const struct {
	const char *what;
	void (*step)(void);
} steps[] = {
	{ "creates and unlinks regions", creates },
	{ "exports memory", exports },
	{ "adds views", adds_views },
	{ "attaches and detaches", attaches },
	{ "attaches and execs", attaches_and_execs },
	{ "reads smaps", reads_smaps },
	{ "publishes, takes and withdraws rings", publishes_and_takes },
	{ "asks which pages are busy", asks },
	{ "does I/O", does_io },
};

static void __attribute__((noreturn)) go_on(void (*step)(void))
{
	for (;;)
		step();
}

static bool settles(void)
{
	for (int ms = 0; ms < 30000; ms++) {
		if (view_region(region).attached == 2)
			return true;
		usleep(1000);
	}
	return false;
}

static void test_step(int i)
{
	int bad = 0;

	for (int n = 0; n < KILLS; n++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			/* A process group of its own, so that its children are killed, too. */
			setpgid(0, 0);
			srand(rand_r(&seed) + n);
			munmap(base, WINDOW);
			go_on(steps[i].step);
		}
		usleep(rand_r(&seed) % 60000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		kill(-pid, SIGKILL);
		bad += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
		if (!WIFSIGNALED(status))
			diag("%s: exit status %d", steps[i].what, WEXITSTATUS(status));
		region_unlink(MINE);
	}
	is(bad, 0, "a process that %s is killed %d times", steps[i].what, KILLS);
	ok(settles(), "no killed process that %s is still attached", steps[i].what);
	unhurt(steps[i].what);
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		test_step(i);
	peer_kill(&other);
	region_unlink(NAME);
	close(region);
	munmap(base, WINDOW);
	/* The kernel frees rings and their registered buffers some time later. */
	for (int ms = 0; ms < 30000 && pages_free(size) != witness_free; ms++)
		usleep(1000);
	is(pages_free(size), witness_free, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	const char *env = getenv("SEED");

	peer_main(argc, argv);
	seed = env ? strtoul(env, NULL, 0) : (unsigned int)time(NULL);
	diag("SEED=%u repeats this run's choices", seed);
	if (!getenv("VM_DISK0"))
		bail("set VM_DISK0 to a disk that may be overwritten");
	reserve_2m(64);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
