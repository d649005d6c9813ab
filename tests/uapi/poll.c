// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: a region's file is readable when there is a ring that this process may take by it,
 * and has an exceptional condition when the region was unlinked. Processes wait by poll(2),
 * epoll and io_uring, before the event and after it.
 *
 * timeout: 300
 */
#include "views.h"

#include <liburing.h>
#include <sys/epoll.h>

#define NAME "test-poll"
#define ALL (POLLIN | POLLRDNORM | POLLPRI | POLLOUT | POLLERR | POLLHUP)
/* The time within which expected events must come, and during which no others may. */
#define SOON_MS 20000
#define QUIET_MS 800

static int region;
static char *base;
static struct io_uring ring;	/* the ring that is published */

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = ALL };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void begin(void)
{
	region = region_anew_open(NAME, SZ_2M, 2 * SZ_2M);
	if (donate(region, SZ_2M, SZ_2M, 0))
		bail("donate");
	base = attach(region, PROT_READ | PROT_WRITE);
	if (layout_add(NAME, "part", "wr", SZ_2M) || layout_add(NAME, "look", "r", SZ_2M))
		bail("add views");
}

static void end(void)
{
	munmap(base, WINDOW);
	view_unlink(region);
	close(region);
}

/* ---- which events ---- */

static const struct {
	const char *view;
	const char *how;
	int flags;
	bool may_take;
} files[] = {
	{ "rw", "O_RDWR", O_RDWR, true },
	{ "rw", "O_WRONLY", O_WRONLY, true },
	{ "rw", "O_RDONLY", O_RDONLY, false },
	{ "ro", "O_RDONLY", O_RDONLY, false },
	{ "part", "O_RDWR", O_RDWR, true },
	{ "part", "O_RDONLY", O_RDONLY, false },
	{ "look", "O_RDONLY", O_RDONLY, false },
};

static void test_files(void)
{
	int fd[ARRAY_LEN(files)];

	begin();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		fd[i] = view_open(NAME, files[i].view, files[i].flags);
		is(events(fd[i]), 0, "the view %s opened %s has no events at first", files[i].view,
		   files[i].how);
	}
	if (publish(region, ring.ring_fd, 1, -1))
		bail("publish");
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		is(events(fd[i]), files[i].may_take ? POLLIN | POLLRDNORM : 0,
		   "the view %s opened %s %s readable when a ring is published", files[i].view,
		   files[i].how, files[i].may_take ? "is" : "is not");
	view_unlink(region);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		is(events(fd[i]), POLLPRI | (files[i].may_take ? POLLIN | POLLRDNORM : 0),
		   "the view %s opened %s has POLLPRI when the region is unlinked", files[i].view,
		   files[i].how);
		close(fd[i]);
	}
	end();
}

/* Each way in which a published ring ceases to be available. */
static void test_gone(void)
{
	int fd;

	begin();
	publish(region, ring.ring_fd, 1, -1);
	publish(region, ring.ring_fd, 2, -1);
	is(closed(take(region, -1, 1)), 0, "one of two rings is taken");
	is(events(region), POLLIN | POLLRDNORM, "the file is readable while there is a ring");
	is(closed(take(region, -1, 2)), 0, "the other ring is taken");
	is(events(region), 0, "the file is not readable when the last ring is taken");
	publish(region, ring.ring_fd, 3, -1);
	withdraw(region, 3);
	is(events(region), 0, "the file is not readable when a ring is withdrawn");
	publish(region, ring.ring_fd, 4, -1);
	munmap(base, WINDOW);
	is(events(region), 0,
	   "the file is not readable when the publisher has detached the region");
	base = attach(region, PROT_READ | PROT_WRITE);
	fd = view_open(NAME, "rw", O_RDWR);
	publish(region, ring.ring_fd, 5, -1);
	is(closed(take(fd, -1, 5)), 0, "a ring is taken by another file of the region");
	is(events(region), 0, "a file is not readable when the ring was taken by another file");
	close(fd);
	end();
}

/* ---- rings for one process ---- */

/* The events that a child sees on its parent's file. */
static short events_in_child(pid_t (*named)(void), bool *published)
{
	int go[2], told[2];
	short seen = 0;
	pid_t pid;
	char c;
	int to;

	if (pipe2(go, O_CLOEXEC) || pipe2(told, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		seen = events(region);
		_exit(write(told[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	to = pidfd_of(named ? named() : pid);
	*published = !publish(region, ring.ring_fd, 9, to);
	if (write(go[1], "", 1) != 1 || read(told[0], &seen, sizeof(seen)) != sizeof(seen))
		bail("a child does not answer");
	waitpid(pid, NULL, 0);
	closed(to);
	close(go[0]);
	close(go[1]);
	close(told[0]);
	close(told[1]);
	return seen;
}

static void test_for_whom(void)
{
	bool published;

	begin();
	is(events_in_child(NULL, &published), POLLIN | POLLRDNORM,
	   "a file is readable for the process that a ring is published for");
	ok(published, "a ring is published for a child");
	is(events(region), 0, "the file is not readable for another process than the ring's");
	withdraw(region, 9);
	is(events_in_child(getpid, &published), 0,
	   "a file is not readable for a process when the ring is for its parent");
	is(events(region), POLLIN | POLLRDNORM,
	   "the file is readable for the parent with the ring");
	ok(published, "a ring is published for the parent of a child");
	end();
}

/* ---- processes that sleep ---- */

/* The way in which a child waits for events; it returns 1 if they came in time. */
struct waiter {
	const char *by;
	int (*wait)(int fd, short events, int ms);
};

static int wait_poll(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms);
}

static int epoll_for(int fd, uint32_t events, int ms)
{
	struct epoll_event e = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		return -1;
	return epoll_wait(ep, &e, 1, ms);
}

static int wait_epoll(int fd, short events, int ms)
{
	return epoll_for(fd, events, ms);
}

static int wait_epoll_edge(int fd, short events, int ms)
{
	return epoll_for(fd, (uint32_t)events | EPOLLET, ms);
}

static int wait_epoll_exclusive(int fd, short events, int ms)
{
	return epoll_for(fd, (uint32_t)events | EPOLLEXCLUSIVE, ms);
}

static int io_uring_for(int fd, short events, int ms, bool multishot)
{
	struct __kernel_timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring mine;

	if (io_uring_queue_init(4, &mine, 0))
		return -1;
	sqe = io_uring_get_sqe(&mine);
	if (multishot)
		io_uring_prep_poll_multishot(sqe, fd, events);
	else
		io_uring_prep_poll_add(sqe, fd, events);
	io_uring_submit(&mine);
	if (io_uring_wait_cqe_timeout(&mine, &cqe, &ts))
		return 0;
	return cqe->res & events ? 1 : -1;
}

static int wait_io_uring(int fd, short events, int ms)
{
	return io_uring_for(fd, events, ms, false);
}

static int wait_io_uring_multishot(int fd, short events, int ms)
{
	return io_uring_for(fd, events, ms, true);
}

static const struct waiter waiters[] = {
	{ "poll", wait_poll },
	{ "epoll", wait_epoll },
	{ "edge-triggered epoll", wait_epoll_edge },
	{ "exclusive epoll", wait_epoll_exclusive },
	{ "io_uring", wait_io_uring },
	{ "multishot io_uring", wait_io_uring_multishot },
};

static pid_t start_waiter(const struct waiter *w, int fd, short events, int ms)
{
	pid_t pid = fork();

	if (!pid) {
		int n = w->wait(fd, events, ms);

		_exit(n == 1 ? 0 : n == 0 ? 1 : 2);
	}
	/* It should be asleep by then; if it is not, the event comes before the wait. */
	usleep(100000);
	return pid;
}

/* Returns 0 if the waiter was woken, 1 if its time was over. */
static int waiter_end(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_wake(const struct waiter *w)
{
	int ro = view_open(NAME, "ro", O_RDONLY), to;
	pid_t one, other;

	one = start_waiter(w, region, POLLIN, SOON_MS);
	is(publish(region, ring.ring_fd, 20, -1), 0, "a ring is published for any process");
	is(waiter_end(one), 0, "a process that sleeps by %s is woken by a ring", w->by);
	withdraw(region, 20);
	/* In this order, so that a wrong process would be the one to be woken alone. */
	other = start_waiter(w, region, POLLIN, QUIET_MS);
	one = start_waiter(w, region, POLLIN, SOON_MS);
	to = pidfd_of(one);
	is(publish(region, ring.ring_fd, 21, to), 0, "a ring is published for one process");
	is(waiter_end(one), 0, "a process that sleeps by %s is woken by a ring for it", w->by);
	is(waiter_end(other), 1, "a process that sleeps by %s is not woken by a ring for another",
	   w->by);
	close(to);
	withdraw(region, 21);
	one = start_waiter(w, ro, POLLIN, QUIET_MS);
	is(publish(region, ring.ring_fd, 22, -1), 0, "a ring is published while a reader sleeps");
	is(waiter_end(one), 1, "a process that sleeps by %s on the view ro is not woken by a ring",
	   w->by);
	withdraw(region, 22);
	close(ro);
}

/*
 * A process that asks an epoll that another one made learns nothing of that one's rings.
 * (The epoll then takes the file for not ready, so that its maker has to poll the file
 * itself.)
 */
static void test_inherited_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC), to = pidfd_of(getpid()), status;
	pid_t pid;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, region, &e))
		bail("epoll_ctl: %s", strerror(errno));
	is(publish(region, ring.ring_fd, 23, to), 0,
	   "a ring is published for the process that made an epoll");
	pid = fork();
	if (!pid)
		_exit(epoll_wait(ep, &e, 1, QUIET_MS));
	waitpid(pid, &status, 0);
	is(status, 0, "a child that asks its parent's epoll gets no event for the parent's ring");
	is(events(region), POLLIN | POLLRDNORM, "the file is still readable for the parent");
	withdraw(region, 23);
	close(to);
	close(ep);
}

/* Each PUBLISH is an edge, also while another ring waits to be taken. */
static void test_edges(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_ctl(ep, EPOLL_CTL_ADD, region, &e))
		bail("epoll_ctl: %s", strerror(errno));
	is(epoll_wait(ep, &e, 1, 0), 0, "an edge-triggered epoll has no event at first");
	publish(region, ring.ring_fd, 30, -1);
	is(epoll_wait(ep, &e, 1, SOON_MS), 1, "an edge-triggered epoll has an event for a ring");
	is(epoll_wait(ep, &e, 1, QUIET_MS), 0, "an edge-triggered epoll has one event for a ring");
	publish(region, ring.ring_fd, 31, -1);
	is(epoll_wait(ep, &e, 1, SOON_MS), 1,
	   "an edge-triggered epoll has an event for a second ring while the first waits");
	withdraw(region, 30);
	withdraw(region, 31);
	close(ep);
}

/* For each way of waiting a region is unlinked while processes wait. */
static void test_unlink(const struct waiter *w)
{
	int ro = view_open(NAME, "ro", O_RDONLY);
	pid_t one = start_waiter(w, region, POLLPRI, SOON_MS);
	pid_t two = start_waiter(w, ro, POLLPRI, SOON_MS);
	pid_t three = start_waiter(w, ro, POLLIN, QUIET_MS);

	is(view_unlink(region), 0, "the region is unlinked while processes wait");
	is(waiter_end(one), 0, "UNLINK wakes a process that waits by %s for POLLPRI on rw", w->by);
	is(waiter_end(two), 0, "UNLINK wakes a process that waits by %s for POLLPRI on ro", w->by);
	is(waiter_end(three), 1, "UNLINK does not wake a process that waits by %s for POLLIN on ro",
	   w->by);
	is(waiter_end(start_waiter(w, ro, POLLPRI, SOON_MS)), 0,
	   "a wait by %s for POLLPRI after UNLINK returns at once", w->by);
	close(ro);
}

/* If no descriptor is free, the ring stays, and so does the event. */
static void test_emfile(void)
{
	int fds[2048], n = 0;

	publish(region, ring.ring_fd, 40, -1);
	while (n < 2048 && (fds[n] = dup(region)) >= 0)
		n++;
	is(take(region, -1, 40), -EMFILE, "TAKE gives EMFILE when no descriptor is free");
	is(events(region), POLLIN | POLLRDNORM, "the file is still readable after EMFILE");
	while (n)
		close(fds[--n]);
	withdraw(region, 40);
}

int main(void)
{
	reserve_2m(16);
	if (io_uring_queue_init(4, &ring, 0))
		bail("io_uring_queue_init");
	test_files();
	test_gone();
	test_for_whom();
	begin();
	for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
		test_wake(&waiters[i]);
	test_inherited_epoll();
	test_edges();
	test_emfile();
	end();
	for (size_t i = 0; i < ARRAY_LEN(waiters); i++) {
		/* EPOLLEXCLUSIVE does not allow EPOLLPRI. */
		if (waiters[i].wait == wait_epoll_exclusive)
			continue;
		begin();
		test_unlink(&waiters[i]);
		end();
	}
	io_uring_queue_exit(&ring);
	return done_testing();
}
