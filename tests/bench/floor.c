// SPDX-License-Identifier: MIT
/*
 * The floors: the least that it can cost to serve NBD reads and writes, by one process
 * or by two. `make bench-nbd` measures what arenad costs beyond them. A floor receives
 * all the requests that are there, submits them to the disk at once, waits for all of
 * them and answers them with one send, by a single ring with one submit a turn. It
 * trusts its client and its other half, has no limits, and serves one disk.
 *
 *	floor one|two DISK PORT
 *
 * With "two", one process has the sockets and the other one the disk. Between them are
 * two rings in shared memory, each with an eventfd that wakes a reader who sleeps.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "floor-nbd.h"

#define STREAMS		8
#define ENTRIES		(STREAMS * SLOTS)
#define LINE		__attribute__((aligned(64)))	/* a cache line of its own */

/* One request on its way to the disk and back: its stream and its slot. */
struct item {
	uint32_t stream, slot;
};

/* A ring in shared memory, with one writer and one reader. */
struct handover {
	LINE uint32_t head;	/* the reader's */
	uint32_t asleep;
	LINE uint32_t tail;	/* the writer's */
	LINE struct item items[ENTRIES];
	int eventfd;
};

/* A stream, and what is under way of it. */
struct conn {
	struct stream in;
	unsigned int first, batch, pending;
	struct nbd_reply replies[SLOTS];
	struct iovec out[2 * SLOTS];
	struct msghdr receive, answer;
	bool busy, closing;
};

/* What an event is about: a stream's number is above these. */
enum about { ACCEPTED, RECEIVED, SENT, ON_DISK, WAKING, WOKEN };

static struct conn conns[STREAMS];
static struct handover *requests, *replies;	/* between two processes; else NULL */
static struct handover *incoming;		/* the one that this process reads */
static struct io_uring ring;
static int disk, listener;
static uint64_t disk_bytes;
static unsigned int on_disk;			/* requests under way */

static struct io_uring_sqe *prepare(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	return sqe;
}

static void label(struct io_uring_sqe *sqe, enum about about, uint32_t stream, uint32_t slot)
{
	sqe->user_data = (uint64_t)about | (uint64_t)stream << 8 | (uint64_t)slot << 32;
}

/* --- The two rings */

static void hand_over(struct handover *h, struct item item)
{
	h->items[h->tail % ENTRIES] = item;
	__atomic_store_n(&h->tail, h->tail + 1, __ATOMIC_RELEASE);
}

/* By the next submit. */
static void wake(struct handover *h)
{
	static const uint64_t one = 1;
	struct io_uring_sqe *sqe;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&h->asleep, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&h->asleep, 0, __ATOMIC_RELAXED);
	sqe = prepare();
	io_uring_prep_write(sqe, h->eventfd, &one, sizeof(one), 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	label(sqe, WAKING, 0, 0);
}

static bool take_over(struct handover *h, struct item *item)
{
	if (h->head == __atomic_load_n(&h->tail, __ATOMIC_ACQUIRE))
		return false;
	*item = h->items[h->head % ENTRIES];
	h->head++;
	return true;
}

/* May the reader sleep? If so, the writer wakes it, until it says that it is awake. */
static bool may_sleep(struct handover *h)
{
	__atomic_store_n(&h->asleep, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return h->head == __atomic_load_n(&h->tail, __ATOMIC_ACQUIRE);
}

static void is_awake(struct handover *h)
{
	__atomic_store_n(&h->asleep, 0, __ATOMIC_RELAXED);
}

/* Each write to the eventfd is an event; nobody needs to read it. */
static void expect_wake(void)
{
	struct io_uring_sqe *sqe = prepare();

	io_uring_prep_poll_multishot(sqe, incoming->eventfd, POLLIN);
	label(sqe, WOKEN, 0, 0);
}

/* --- The disk */

static void start_disk(struct item item)
{
	const struct stream *s = &conns[item.stream].in;
	const struct nbd_request *r = slot_request(s, item.slot);
	struct io_uring_sqe *sqe = prepare();
	uint32_t length = be32toh(r->length);

	if (length > BLOCK)
		errx(1, "a request of %u bytes", length);
	if (r->type == htobe16(NBD_READ))
		io_uring_prep_read_fixed(sqe, 0, slot_payload(s, item.slot), length,
					 be64toh(r->offset), 0);
	else if (r->type == htobe16(NBD_WRITE))
		io_uring_prep_write_fixed(sqe, 0, slot_payload(s, item.slot), length,
					  be64toh(r->offset), 0);
	else
		io_uring_prep_fsync(sqe, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	label(sqe, ON_DISK, item.stream, item.slot);
	on_disk++;
}

/* --- Connections */

static void expect_requests(uint32_t stream)
{
	struct conn *c = &conns[stream];
	struct io_uring_sqe *sqe = prepare();

	stream_expect(&c->in);
	c->receive = (struct msghdr){ .msg_iov = c->in.iov, .msg_iovlen = (size_t)c->in.n_iov };
	io_uring_prep_recvmsg(sqe, c->in.fd, &c->receive, 0);
	label(sqe, RECEIVED, stream, 0);
}

/* Answers a whole batch; the next one is received when that is done. */
static void answer(uint32_t stream)
{
	struct conn *c = &conns[stream];
	struct io_uring_sqe *sqe;
	size_t n = 0;

	for (unsigned int i = 0; i < c->batch; i++) {
		const struct nbd_request *r = slot_request(&c->in, c->first + i);

		c->replies[i] = (struct nbd_reply){ htobe32(0x67446698), 0, r->cookie };
		c->out[n++] = (struct iovec){ &c->replies[i], sizeof(c->replies[i]) };
		if (r->type == htobe16(NBD_READ))
			c->out[n++] = (struct iovec){ slot_payload(&c->in, c->first + i),
						      be32toh(r->length) };
	}
	c->answer = (struct msghdr){ .msg_iov = c->out, .msg_iovlen = n };
	sqe = prepare();
	io_uring_prep_sendmsg(sqe, c->in.fd, &c->answer, MSG_NOSIGNAL | MSG_WAITALL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	label(sqe, SENT, stream, 0);
	expect_requests(stream);
}

static void hang_up(uint32_t stream)
{
	close(conns[stream].in.fd);
	conns[stream].busy = false;
}

static void answered(uint32_t stream)
{
	struct conn *c = &conns[stream];

	if (--c->pending)
		return;
	if (c->closing)
		hang_up(stream);
	else
		answer(stream);
}

static void received(uint32_t stream, int n)
{
	struct conn *c = &conns[stream];

	if (n <= 0) {
		hang_up(stream);
		return;
	}
	c->first = c->in.base;
	c->batch = stream_parse(&c->in, (size_t)n);
	c->in.base += c->batch;
	if (c->batch && slot_request(&c->in, c->in.base - 1)->type == htobe16(NBD_DISC)) {
		c->closing = true;
		c->batch--;
	}
	c->pending = c->batch;
	for (unsigned int i = 0; i < c->batch; i++) {
		struct item item = { stream, c->first + i };

		if (requests)
			hand_over(requests, item);
		else
			start_disk(item);
	}
	if (requests && c->batch)
		wake(requests);
	if (!c->batch && c->closing)
		hang_up(stream);
	else if (!c->batch)
		expect_requests(stream);
}

static void expect_client(void)
{
	struct io_uring_sqe *sqe = prepare();

	io_uring_prep_accept(sqe, listener, NULL, NULL, 0);
	label(sqe, ACCEPTED, 0, 0);
}

static void accepted(int fd)
{
	const int one = 1;
	uint32_t i = 0;

	while (i < STREAMS && conns[i].busy)
		i++;
	expect_client();
	if (fd < 0)
		return;
	setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	if (i == STREAMS || !negotiate(fd, disk_bytes)) {
		close(fd);
		return;
	}
	conns[i].busy = true;
	conns[i].closing = false;
	conns[i].in.fd = fd;
	conns[i].in.base = 0;
	conns[i].in.have = 0;
	conns[i].in.guess = 0;
	expect_requests(i);
}

/* --- Processes */

static void done_on_disk(const struct io_uring_cqe *cqe, uint32_t stream, uint32_t slot)
{
	on_disk--;
	if (cqe->res < 0)
		errx(1, "disk: %s", strerror(-cqe->res));
	if (replies)
		hand_over(replies, (struct item){ stream, slot });
	else
		answered(stream);
}

static void event(const struct io_uring_cqe *cqe)
{
	uint32_t stream = cqe->user_data >> 8 & 0xffffff, slot = cqe->user_data >> 32;

	switch ((enum about)(cqe->user_data & 0xff)) {
	case ACCEPTED:
		accepted(cqe->res);
		break;
	case RECEIVED:
		received(stream, cqe->res);
		break;
	case ON_DISK:
		done_on_disk(cqe, stream, slot);
		break;
	case WOKEN:
		if (!(cqe->flags & IORING_CQE_F_MORE))
			expect_wake();
		break;
	case SENT:		/* failed: so does the receive that is linked to it */
	case WAKING:
		break;
	}
}

/* Submits what is prepared, and waits for the disk, or else for anything. */
static void turn(bool sleep)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_submit_and_wait(&ring, on_disk ? on_disk : sleep);
	io_uring_for_each_cqe(&ring, head, cqe) {
		event(cqe);
		n++;
	}
	io_uring_cq_advance(&ring, n);
}

static void open_ring(void)
{
	if (io_uring_queue_init(ENTRIES, &ring, IORING_SETUP_SINGLE_ISSUER |
				IORING_SETUP_DEFER_TASKRUN))
		errx(1, "io_uring");
}

static void open_disk_ring(struct iovec memory)
{
	open_ring();
	if (io_uring_register_buffers(&ring, &memory, 1) ||
	    io_uring_register_files(&ring, &disk, 1))
		errx(1, "io_uring: cannot register memory or disk");
}

static _Noreturn void disk_process(struct iovec memory)
{
	uint32_t told = 0;
	struct item item;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	incoming = requests;
	open_disk_ring(memory);
	expect_wake();
	for (;;) {
		while (take_over(requests, &item))
			start_disk(item);
		turn(!on_disk && may_sleep(requests));
		is_awake(requests);
		if (replies->tail != told)
			wake(replies);
		told = replies->tail;
	}
}

static _Noreturn void network_process(void)
{
	struct item item;

	incoming = replies;
	open_ring();
	expect_wake();
	expect_client();
	for (;;) {
		while (take_over(replies, &item))
			answered(item.stream);
		turn(may_sleep(replies));
		is_awake(replies);
	}
}

static _Noreturn void one_process(struct iovec memory)
{
	open_disk_ring(memory);
	expect_client();
	for (;;)
		turn(true);
}

/* --- Set-up */

static void *shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, bytes, MADV_HUGEPAGE);
	madvise(p, bytes, MADV_POPULATE_WRITE);
	return p;
}

/* Payloads of all streams, in memory that can be registered as one buffer. */
static struct iovec open_streams(void)
{
	size_t bytes = (size_t)STREAMS * SLOTS * BLOCK;
	char *payloads = shared(bytes);
	struct nbd_request *r = shared(STREAMS * SLOTS * sizeof(*r));

	for (int i = 0; i < STREAMS; i++) {
		conns[i].in.payloads = payloads + (size_t)i * SLOTS * BLOCK;
		conns[i].in.requests = r + (size_t)i * SLOTS;
		conns[i].in.spill = malloc(SPILL);
		if (!conns[i].in.spill)
			err(1, "malloc");
	}
	return (struct iovec){ payloads, bytes };
}

static void open_disk(const char *path)
{
	off_t bytes;

	disk = open(path, O_RDWR | O_DIRECT);
	bytes = disk < 0 ? -1 : lseek(disk, 0, SEEK_END);
	if (bytes < 0)
		err(1, "%s", path);
	disk_bytes = (uint64_t)bytes;
}

static void open_listener(const char *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int one = 1;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, STREAMS))
		err(1, "port %s", port);
}

static struct handover *open_handover(void)
{
	struct handover *h = shared(sizeof(*h));

	h->eventfd = eventfd(0, EFD_NONBLOCK);
	return h;
}

int main(int argc, char **argv)
{
	struct iovec memory;

	if (argc != 4 || (strcmp(argv[1], "one") && strcmp(argv[1], "two")))
		errx(2, "usage: floor one|two DISK PORT");
	open_disk(argv[2]);
	open_listener(argv[3]);
	memory = open_streams();
	if (!strcmp(argv[1], "one"))
		one_process(memory);
	requests = open_handover();
	replies = open_handover();
	if (!fork())
		disk_process(memory);
	network_process();
}
