// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: libmshare works on the module: views, export of the caller's memory, small pages,
 * quiescing, and the limits of a user, with valid and with invalid arguments. Other files
 * here test what the calls have in common with the device.
 */
#include "util.h"

#include <mshare.h>
#include <sys/time.h>
#include <sys/uio.h>

#define NAME	"test-libmshare"
#define RW	(PROT_READ | PROT_WRITE)

static const struct mshare_options options = {
	.backend = MSHARE_BACKEND_MODULE, .length = 16 * SZ_2M, .page_size = SZ_2M,
	.size = sizeof(options), .mode = 0600,
};

static struct mshare *make(uint64_t page_size, uint64_t length)
{
	struct mshare_options o = options;
	struct mshare *m;
	int ret;

	o.page_size = page_size;
	o.length = length;
	ret = mshare_create(NAME, &o, &m);
	if (ret)
		bail("cannot make a region: %s", strerror(-ret));
	return m;
}

static void end(struct mshare *m)
{
	is(mshare_unlink(NAME), 0, "the region is unlinked");
	mshare_close(m);
}

static struct mshare_view view_of(const struct mshare_range *r, size_t n)
{
	return (struct mshare_view){
		.ranges = r, .n_ranges = n, .mode = 0640,
		.size = sizeof(struct mshare_view),
	};
}

static void refused(struct mshare_range a, struct mshare_range b, int error, const char *what)
{
	struct mshare_range r[] = { a, b };
	struct mshare_view v = view_of(r, 2);

	is(mshare_add_view(NAME, "bad", &v), error, "mshare_add_view() refuses %s", what);
}

static void test_views_refused(void)
{
	struct mshare_range one = { 0, SZ_2M, RW }, after = { SZ_2M, SZ_2M, RW };
	struct mshare_view v = view_of(&one, 0);
	struct mshare *m;

	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a view without ranges");
	v.n_ranges = 4097;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a view of too many ranges");
	v.n_ranges = 1;
	is(mshare_add_view("no-region", "bad", &v), -ENOENT,
	   "a view of a region that does not exist cannot be added");
	is(mshare_add_view(NAME, "rw", &v), -EEXIST,
	   "mshare_add_view() refuses the name rw, which is taken");
	is(mshare_add_view(NAME, "ro", &v), -EEXIST,
	   "mshare_add_view() refuses the name ro, which is taken");
	is(mshare_add_view(NAME, "a/b", &v), -EINVAL,
	   "mshare_add_view() refuses a view's name with a slash");
	v.mode = 0700;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a mode with execute permission");
	refused(one, (struct mshare_range){ 2 * SZ_2M, SZ_2M, PROT_WRITE }, -EINVAL,
		"a range that is writable but not readable");
	refused(one, (struct mshare_range){ 2 * SZ_2M, 0, RW }, -EINVAL, "a range of length 0");
	refused(one, (struct mshare_range){ 2 * SZ_2M, SZ_4K, RW }, -EINVAL,
		"a range that is no multiple of a page");
	refused(one, one, -EINVAL, "the same range twice");
	refused(after, one, -EINVAL, "ranges that are not in ascending order");
	refused(one, (struct mshare_range){ 15 * SZ_2M, 2 * SZ_2M, RW }, -ERANGE,
		"a range across the region's end");
	is(mshare_open_view(NAME, "bad", 1, &m), -ENOENT, "no view that was refused can be opened");
}

static void test_views(void)
{
	static const struct mshare_range parts[] = {
		{ 0, SZ_2M, PROT_READ },
		{ 2 * SZ_2M, SZ_2M, RW },
	};
	struct mshare_view part = view_of(parts, 2), look = view_of(parts, 1);
	struct mshare *m = make(SZ_2M, 16 * SZ_2M), *v;
	struct mshare_info info = { .size = sizeof(info) };
	uint64_t value;
	struct stat st;
	void *addr;

	test_views_refused();
	is(mshare_populate(m, 0, 8 * SZ_2M), 0, "half of the region is populated");
	is(mshare_add_view(NAME, "part", &part), 0, "a view with a writable range is added");
	is(mshare_add_view(NAME, "look", &look), 0, "a view without a writable range is added");
	is(mshare_add_view(NAME, "part", &look), -EEXIST,
	   "a second view of the same name is refused");
	is(stat("/dev/mshare/" NAME "/look", &st), 0, "an added view has a node");
	is(st.st_mode & 0777, 0440, "the node of a view without a writable range is not writable");
	is(mshare_open_view(NAME, "look", 0, &v), -EACCES,
	   "a view without a writable range cannot be opened for writing");
	is(mshare_open_view(NAME, "look", 1, &v), 0,
	   "a view without a writable range can be opened for reading");
	is(mshare_attach(v, &addr), 0, "a view that was opened for reading can be attached");
	is(try_load(addr, &value), 0, "memory that an attached view shows can be loaded");
	ok(try_load((char *)addr + SZ_2M, &value),
	   "an attached view shows nothing beyond its range");
	mshare_close(v);

	is(mshare_open_view(NAME, "part", 1, &v), 0,
	   "a view with a writable range can be opened for reading");
	is(mshare_attach(v, &addr), -EACCES,
	   "a view with a writable range that was opened for reading cannot be attached");
	mshare_close(v);
	is(mshare_open_view(NAME, "part", 0, &v), 0,
	   "a view with a writable range can be opened for writing");
	is(mshare_attach(v, &addr), 0, "a view that was opened for writing can be attached");
	is(try_store((char *)addr + 2 * SZ_2M, 1), 0,
	   "the writable range of a view can be stored to");
	is(try_store(addr, 1), SIGSEGV, "the read-only range of a view cannot be stored to");
	is(mshare_populate(v, 8 * SZ_2M, SZ_2M), -EACCES,
	   "populating through an added view is refused");
	is(mshare_info(v, &info), 0, "mshare_info() of a view succeeds");
	ok(!strcmp(info.view, "part") && info.attached == 1 && info.exported == 8 * SZ_2M &&
	   info.table_bytes && !info.unlinked,
	   "mshare_info() of a view has its name and the region's numbers");
	mshare_close(v);
	end(m);
	is(mshare_open_view(NAME, "part", 0, &v), -ENOENT,
	   "a view of an unlinked region cannot be opened");
}

static void test_export(void)
{
	int flags = MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	char *d = mmap(NULL, 2 * SZ_2M, RW, MAP_PRIVATE | flags, -1, 0);
	char *small = mmap(NULL, SZ_2M * 2, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mshare *m = make(SZ_2M, 16 * SZ_2M), *ro;
	void *addr;

	fill(d, 2 * SZ_2M, 1);
	is(mshare_export(m, d, 0, 0), -EINVAL, "exporting 0 bytes is refused");
	is(mshare_export(m, d + SZ_4K, SZ_2M, 0), -EINVAL,
	   "exporting from an odd address is refused");
	is(mshare_export(m, d, SZ_4K, 0), -EINVAL, "exporting part of a page is refused");
	is(mshare_export(m, d, SZ_2M, SZ_4K), -EINVAL, "exporting to an odd offset is refused");
	is(mshare_export(m, d, 2 * SZ_2M, 15 * SZ_2M), -ERANGE,
	   "exporting across the region's end is refused");
	small += -(uintptr_t)small & (SZ_2M - 1);
	is(mshare_export(m, small, SZ_2M, 0), -EOPNOTSUPP,
	   "exporting small pages to a region of 2 MiB pages is refused");
	is(mshare_open(NAME, 1, &ro), 0, "the region is opened for reading");
	is(mshare_export(ro, d, SZ_2M, 0), -EACCES,
	   "exporting to a region that is open for reading is refused");
	mshare_close(ro);
	is(mshare_export(m, d, 2 * SZ_2M, 4 * SZ_2M), 0, "memory of the caller is exported");
	is(mshare_export(m, d, SZ_2M, 5 * SZ_2M), -EEXIST,
	   "exporting over existing memory is refused");
	is(mshare_attach(m, &addr), 0, "the region with exported memory is attached");
	ok(filled((char *)addr + 4 * SZ_2M, 2 * SZ_2M, 1), "the exported bytes are in the region");
	fill(d, 2 * SZ_2M, 2);
	ok(filled((char *)addr + 4 * SZ_2M, 2 * SZ_2M, 2),
	   "the region shows stores of the donor");
	munmap(d, 2 * SZ_2M);
	is(mshare_export(m, d, SZ_2M, 0), -EFAULT,
	   "exporting addresses without a mapping is refused");
	end(m);
}

static void test_small(void)
{
	struct mshare *m = make(SZ_4K, 4096 * SZ_4K);
	char *d = mmap(NULL, 4 * SZ_4K, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mshare_info info = { .size = sizeof(info) };
	void *addr;

	is(mshare_populate(m, SZ_4K, 1000 * SZ_4K), 0, "a region is populated with small pages");
	is(mshare_info(m, &info), 0, "mshare_info() of a region of small pages succeeds");
	ok(info.page_size == SZ_4K && info.exported == 1000 * SZ_4K,
	   "mshare_info() counts the small pages");
	is(mshare_attach(m, &addr), 0, "a region of small pages is attached");
	fill((char *)addr + SZ_4K, 1000 * SZ_4K, 3);
	ok(filled((char *)addr + SZ_4K, 1000 * SZ_4K, 3), "small pages keep what was written");
	fill(d, 4 * SZ_4K, 4);
	is(mshare_export(m, d, 4 * SZ_4K, 2000 * SZ_4K), 0,
	   "small pages of the caller are exported");
	ok(filled((char *)addr + 2000 * SZ_4K, 4 * SZ_4K, 4),
	   "the content of exported small pages is in the region");
	munmap(d, 4 * SZ_4K);
	ok(filled((char *)addr + 2000 * SZ_4K, 4 * SZ_4K, 4),
	   "exported small pages stay in the region after the caller unmapped them");
	end(m);
}

/* A page in a pipe is busy: the kernel does not say who holds the reference. */
static void test_quiesce(void)
{
	struct mshare *m = make(SZ_2M, 16 * SZ_2M);
	struct mshare_busy busy = { sizeof(busy), 1, 1 };
	struct iovec iov;
	char byte[4096];
	void *addr;
	int pipes[2];

	is(mshare_populate(m, 0, 8 * SZ_2M), 0, "a region to be quiesced is populated");
	is(mshare_attach(m, &addr), 0, "a region to be quiesced is attached");
	is(mshare_quiesce(m, 1, SZ_2M, 0, NULL), -EINVAL, "quiescing at an odd offset is refused");
	is(mshare_quiesce(m, 0, 0, 0, NULL), -EINVAL, "quiescing 0 bytes is refused");
	is(mshare_quiesce(m, 15 * SZ_2M, 2 * SZ_2M, 0, NULL), -ERANGE,
	   "quiescing across the region's end is refused");
	is(mshare_quiesce(m, 0, 16 * SZ_2M, 0, &busy), 0, "quiescing an idle region succeeds");
	ok(!busy.bytes && busy.first == 16 * SZ_2M,
	   "quiescing an idle region reports no busy page");
	if (pipe2(pipes, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	iov = (struct iovec){ (char *)addr + 3 * SZ_2M, sizeof(byte) };
	if (vmsplice(pipes[1], &iov, 1, 0) != sizeof(byte))
		bail("vmsplice: %s", strerror(errno));
	is(mshare_quiesce(m, 0, 8 * SZ_2M, 0, &busy), -EAGAIN,
	   "quiescing gives EAGAIN while a page is in a pipe");
	ok(busy.bytes == SZ_2M && busy.first == 3 * SZ_2M, "quiescing reports the busy page");
	is(mshare_quiesce(m, 0, 8 * SZ_2M, 50, &busy), -ETIMEDOUT,
	   "waiting for a page that stays busy times out");
	is(mshare_quiesce(m, 0, 3 * SZ_2M, 0, NULL), 0, "quiescing the pages before it succeeds");
	if (read(pipes[0], byte, sizeof(byte)) != sizeof(byte))
		bail("read: %s", strerror(errno));
	is(mshare_quiesce(m, 0, 8 * SZ_2M, -1, &busy), 0,
	   "quiescing succeeds after the pipe was read");
	close(pipes[0]);
	close(pipes[1]);
	end(m);
}

/* The addresses of many regions, made one after the other, are random windows. */
static void test_addresses(void)
{
	uint64_t first = 0, addr = 0;
	struct mshare_info info = { .size = sizeof(info) };
	int others = 0;

	for (int i = 0; i < 16; i++) {
		struct mshare *m = make(SZ_2M, SZ_2M);

		mshare_info(m, &info);
		mshare_unlink_region(m);
		mshare_close(m);
		addr = info.addr;
		if (addr % MSHAREARENA_WINDOW_SIZE || addr < 64 * MSHAREARENA_WINDOW_SIZE ||
		    addr >= 160 * MSHAREARENA_WINDOW_SIZE)
			break;
		first = first ? first : addr;
		others += addr != first;
	}
	ok(addr % MSHAREARENA_WINDOW_SIZE == 0 && addr >= 64 * MSHAREARENA_WINDOW_SIZE &&
	   addr < 160 * MSHAREARENA_WINDOW_SIZE,
	   "the module chooses a window as the address (0x%lx)", (unsigned long)addr);
	ok(others, "the module chooses different windows for different regions");
}

static void step(int failed, int number)
{
	if (failed)
		_exit(number);
}

/* The owner's mode forbids the owner to open the node; the handle still works. */
static void as_owner(void)
{
	struct mshare_view v = view_of(&(struct mshare_range){ 0, SZ_2M, RW }, 1);
	struct mshare_options o = options;
	struct mshare *m, *view, *none;

	step(setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234), 1);
	o.mode = 0;
	step(mshare_create(NAME, &o, &m), 2);
	step(mshare_open(NAME, 1, &none) != -EACCES, 3);
	step(mshare_unlink(NAME) != -EACCES, 4);
	step(mshare_add_view(NAME, "part", &v) != -EACCES, 5);
	step(mshare_make_view(m, "part", &v, &view), 6);
	step(chmod("/dev/mshare/" NAME "/ro", 0400), 7);
	step(mshare_unlink(NAME), 8);
	step(mshare_unlink_region(m) != -ENOENT, 10);
	step(mshare_unlink_region(view) != -EACCES, 9);
	_exit(0);
}

static void test_owner(void)
{
	pid_t pid;
	int status;

	chmod("/dev/msharearena", 0666);
	pid = fork();
	if (!pid)
		as_owner();
	waitpid(pid, &status, 0);
	chmod("/dev/msharearena", 0600);
	is(status, 0, "an owner who may not open the node can use the handle and chmod(2)");
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

/* Small pages in a batch of a CPU are busy only for a moment. */
static void test_quiesce_small(void)
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct mshare *m = make(SZ_4K, 4096 * SZ_4K);
	struct timespec began, ended;
	struct iovec iov;
	char byte[4096];
	int pipes[2];
	long took;
	void *addr;

	is(mshare_populate(m, 0, 1024 * SZ_4K), 0,
	   "a region is populated with small pages to be quiesced");
	is(mshare_quiesce(m, 0, 1024 * SZ_4K, 5000, NULL), 0,
	   "small pages that were just populated become idle");
	if (mshare_attach(m, &addr) || pipe2(pipes, O_CLOEXEC))
		bail("cannot attach, or make a pipe");
	iov = (struct iovec){ addr, sizeof(byte) };
	if (vmsplice(pipes[1], &iov, 1, 0) != sizeof(byte))
		bail("vmsplice: %s", strerror(errno));
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	clock_gettime(CLOCK_MONOTONIC, &began);
	is(mshare_quiesce(m, 0, 1024 * SZ_4K, 300, NULL), -ETIMEDOUT,
	   "waiting for a busy page times out though signals arrive");
	clock_gettime(CLOCK_MONOTONIC, &ended);
	setitimer(ITIMER_REAL, &never, NULL);
	took = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
	ok(alarms && took >= 300 && took < 5000,
	   "signals do not change the time that mshare_quiesce() waits (%ld ms)", took);
	close(pipes[0]);
	close(pipes[1]);
	is(mshare_quiesce(m, 0, 1024 * SZ_4K, -1, NULL), 0,
	   "mshare_quiesce() without a limit returns when the page is idle");
	end(m);
}

static int many_regions(void)
{
	struct mshare_options o = options;
	struct mshare *m;
	char name[32];
	int ret = 0, n;

	if (setresuid(1234, 1234, 1234))
		return -1;
	for (n = 0; n < 96 && !ret; n++) {
		snprintf(name, sizeof(name), "test-quota-%d", n);
		ret = mshare_create(name, &o, &m);
		if (!ret)
			mshare_close(m);
	}
	while (n--) {
		snprintf(name, sizeof(name), "test-quota-%d", n);
		mshare_unlink(name);
	}
	return ret;
}

static void test_quota(void)
{
	pid_t pid;
	int status;

	chmod("/dev/msharearena", 0666);
	pid = fork();
	if (!pid)
		_exit(-many_regions());
	waitpid(pid, &status, 0);
	chmod("/dev/msharearena", 0600);
	is(WEXITSTATUS(status), EDQUOT, "a user who creates more and more regions gets EDQUOT");
}

int main(void)
{
	long before;

	reserve_2m(48);
	before = hugepages(SZ_2M, "free_hugepages");
	mshare_unlink(NAME);
	is(mshare_default_backend(), MSHARE_BACKEND_MODULE, "the module is the default backend");
	test_views();
	test_export();
	test_small();
	test_quiesce();
	test_quiesce_small();
	test_addresses();
	test_owner();
	test_quota();
	is(hugepages(SZ_2M, "free_hugepages"), before, "all pages are free at the end");
	return done_testing();
}
