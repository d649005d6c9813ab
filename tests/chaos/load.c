// SPDX-License-Identifier: MIT
/*
 * Clients that write and read without pause, each in an area of its own, and write down what they
 * have done and seen (history.h). A client behaves as a real one: it has several requests under
 * way, and when its connection ends it makes another one, on which it sends some of what was not
 * answered again. It has no two requests under way that overlap. It goes on with newer data only
 * where an older write can come no more: where all were answered, or the server has closed the
 * connection. SIGUSR1 lets a client cut its connection in such a way that it is told when the
 * server knows. SIGUSR2 lets it reset its connection, and it then sends only the requests that were
 * under way again, as they were. With --rash the client goes on with newer data at once, as most
 * do, although no server can always keep the older write back. SIGTERM lets the client read its
 * area and end.
 *
 *	load [--rash] HOST PORT SEED FOLDER CLIENTS EXPORT...
 *
 * The program starts CLIENTS clients for each export and prints their process ids. SIGTERM ends it.
 */
#include <inttypes.h>
#include <native/nbd-client.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "history.h"

#define AREA		(2 * MIB)
#define MAX_CELLS	16U
#define DEPTH		8
#define MAX_CLIENTS	64
#define MAX_ZOMBIES	32
#define PER_SECOND	300
#define PATIENCE_NS	(120ULL * 1000000000)
#define OUT_BYTES	(DEPTH * (NBD_REQUEST_SIZE + MAX_CELLS * CELL_LARGE))

/**
 * struct op - a request that is under way, or that was and may be sent again
 * @what: the event of the history that began it; type 0 if there is none
 * @flags: flags of the request
 */
struct op {
	struct history_event what;
	uint16_t flags;
};

/**
 * struct cell - what the client knows of a cell
 * @waits_for: a connection that must have ended before newer data are written; 0 if none
 * @is_busy: a request that is under way covers it
 * @is_frozen: nothing newer is written to it
 */
struct cell {
	uint32_t waits_for;
	bool is_busy;
	bool is_frozen;
};

/* A connection that was cut, but whose end the server has not shown to know. */
struct zombie {
	int fd;
	uint32_t connection;
};

static struct history_head head;
static FILE *history;
static struct cell *cells;
static struct op ops[DEPTH], lost[DEPTH];
static struct zombie zombies[MAX_ZOMBIES];
static unsigned int n_ops, n_lost, n_zombies;
static uint32_t connection, version;
static uint64_t cookies, next_ns, end_ns, read_up_to;
static int sock = -1;
static bool is_rash;

static uint8_t out[OUT_BYTES], in[NBD_SIMPLE_REPLY_SIZE + MAX_CELLS * CELL_LARGE];
static size_t out_from, out_to, in_got;

static volatile sig_atomic_t wants_fin, wants_reset, wants_end;

static void take_signal(int number)
{
	if (number == SIGUSR1)
		wants_fin = 1;
	else if (number == SIGUSR2)
		wants_reset = 1;
	else
		wants_end = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void write_down(struct history_event e, enum history_type type)
{
	e.ns = now_ns();
	e.type = type;
	fwrite(&e, sizeof(e), 1, history);
}

static void write_down_connection(enum history_type type, uint32_t number)
{
	write_down((struct history_event){ .connection = number }, type);
}

__attribute__((noreturn))
static void give_up(struct history_event e)
{
	write_down(e, HISTORY_STUCK);
	write_down((struct history_event){ 0 }, HISTORY_END);
	fclose(history);
	_exit(1);
}

/*
 * Cells
 */

static bool is_write(const struct op *op)
{
	return op->what.type == HISTORY_WRITE || op->what.type == HISTORY_ZERO;
}

static void set_busy(const struct op *op, bool busy)
{
	uint64_t end = op->what.offset + op->what.length;

	for (uint64_t o = op->what.offset; o < end; o += history_cell(&head, o))
		cells[history_index(&head, o)].is_busy = busy;
}

static bool is_free(uint64_t offset, uint32_t length, bool writes)
{
	for (uint64_t o = offset; o < offset + length; o += history_cell(&head, o)) {
		const struct cell *c = &cells[history_index(&head, o)];

		if (c->is_busy || (writes && (c->is_frozen || c->waits_for)))
			return false;
	}
	return true;
}

/* Note that the cells of a write are in doubt, as the client has cut its connection. */
static void doubt(const struct op *op, bool is_told)
{
	uint64_t end = op->what.offset + op->what.length;

	for (uint64_t o = op->what.offset; o < end && !is_rash; o += history_cell(&head, o)) {
		struct cell *c = &cells[history_index(&head, o)];

		if (!is_told || c->waits_for)
			c->is_frozen = true;
		c->waits_for = connection;
	}
}

static void trust(uint32_t ended)
{
	for (uint32_t i = 0; i < history_cells(&head); i++)
		if (cells[i].waits_for == ended)
			cells[i].waits_for = 0;
}

/*
 * Requests
 */

static uint16_t command(uint32_t type)
{
	switch (type) {
	case HISTORY_WRITE:
		return NBD_CMD_WRITE;
	case HISTORY_ZERO:
		return NBD_CMD_WRITE_ZEROES;
	case HISTORY_READ:
		return NBD_CMD_READ;
	default:
		return NBD_CMD_FLUSH;
	}
}

static void empty_out(void)
{
	out_from = 0;
	out_to = 0;
}

/* The request is queued; there is room, because there are DEPTH requests at most. */
static void send_op(struct op op)
{
	struct history_event *e = &op.what;
	uint64_t at = e->type == HISTORY_FLUSH ? 0 : head.first + e->offset;

	e->connection = connection;
	e->cookie = ++cookies;
	e->ns = now_ns();
	if (out_from == out_to)
		empty_out();
	pack_request(out + out_to, op.flags, command(e->type), e->cookie, at, e->length);
	out_to += NBD_REQUEST_SIZE;
	for (uint32_t n = 0; e->type == HISTORY_WRITE && n < e->length;) {
		history_fill(&head, out + out_to, e->offset + n, e->version);
		out_to += history_cell(&head, e->offset + n);
		n += history_cell(&head, e->offset + n);
	}
	write_down(*e, (enum history_type)e->type);
	set_busy(&op, true);
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (!ops[i].what.type) {
			ops[i] = op;
			break;
		}
	}
	n_ops++;
}

static uint32_t random_type(void)
{
	uint64_t r = random64() % 100;

	if (r < 5)
		return HISTORY_FLUSH;
	if (r < 40)
		return HISTORY_READ;
	return r < 45 && export_flags & NBD_FLAG_SEND_WRITE_ZEROES ? HISTORY_ZERO : HISTORY_WRITE;
}

static bool pick(struct history_event *e)
{
	bool writes = e->type != HISTORY_READ;

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t half = random64() % 2 * (head.bytes / 2);
		uint32_t cell = history_cell(&head, half);
		uint32_t n = 1 + (uint32_t)(random64() % MAX_CELLS);

		e->length = n * cell;
		e->offset = half + random64() % (head.bytes / 2 / cell - n) * cell;
		if (is_free(e->offset, e->length, writes))
			return true;
	}
	return false;
}

static void begin_one(void)
{
	struct op op = { .what.type = random_type() };

	if (op.what.type != HISTORY_FLUSH && !pick(&op.what))
		return;
	if (is_write(&op)) {
		op.what.version = ++version;
		op.flags = random64() % 8 ? 0 : NBD_CMD_FLAG_FUA;
	}
	send_op(op);
}

/* At the end the whole area is read, in order. */
static void begin_last(void)
{
	while (n_ops < DEPTH && read_up_to < head.bytes) {
		uint32_t length = MAX_CELLS * history_cell(&head, read_up_to);
		struct op op = { .what = { .type = HISTORY_READ, .offset = read_up_to,
					   .length = length } };

		send_op(op);
		read_up_to += length;
	}
}

static void begin(void)
{
	uint64_t now = now_ns();

	while (n_lost && n_ops < DEPTH)
		send_op(lost[--n_lost]);
	if (wants_end) {
		/* Writes come first, so that nothing is under way where it reads. */
		if (read_up_to || !n_ops)
			begin_last();
		return;
	}
	while (n_ops < DEPTH && next_ns <= now) {
		begin_one();
		next_ns += 1000000000 / PER_SECOND;
	}
	/* Time that was lost is not caught up. */
	if (next_ns + 100000000 < now)
		next_ns = now;
}

/*
 * Connections
 */

static void forget(void)
{
	memset(ops, 0, sizeof(ops));
	n_ops = 0;
	empty_out();
	in_got = 0;
	sock = -1;
	read_up_to = 0;
}

/* The connection has ended: about half of the writes that were not answered are sent again. */
static void lose(bool by_client, bool is_told)
{
	n_lost = 0;
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (!ops[i].what.type)
			continue;
		set_busy(&ops[i], false);
		if (!is_write(&ops[i]))
			continue;
		if (by_client)
			doubt(&ops[i], is_told);
		if (random64() % 2)
			lost[n_lost++] = ops[i];
	}
	forget();
}

static void connection_closed(void)
{
	write_down_connection(HISTORY_CLOSED, connection);
	close(sock);
	lose(false, true);
}

static void cut(bool with_reset)
{
	bool is_told = !with_reset && n_zombies < MAX_ZOMBIES;

	write_down_connection(HISTORY_CUT, connection);
	if (is_told) {
		shutdown(sock, SHUT_WR);
		zombies[n_zombies++] = (struct zombie){ .fd = sock, .connection = connection };
	} else {
		slam(sock);
	}
	lose(true, is_told);
}

static void make_connection(void)
{
	uint64_t began = now_ns();

	while ((sock = enter()) < 0) {
		if (now_ns() - began > PATIENCE_NS)
			give_up((struct history_event){ .connection = connection });
		poll(NULL, 0, 20);
	}
	connection++;
	write_down_connection(HISTORY_OPENED, connection);
}

/* A zombie is read until its end. */
static void read_zombie(struct zombie *z)
{
	ssize_t n;

	do
		n = recv(z->fd, buffer, MIB, MSG_DONTWAIT);
	while (n > 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	write_down_connection(HISTORY_CLOSED, z->connection);
	trust(z->connection);
	close(z->fd);
	*z = zombies[--n_zombies];
}

/*
 * Answers
 */

static struct op *find(uint64_t cookie)
{
	for (unsigned int i = 0; i < DEPTH; i++)
		if (ops[i].what.type && ops[i].what.cookie == cookie)
			return &ops[i];
	return NULL;
}

/* Write down which versions were read, one event for each run of cells with the same. */
static void write_down_seen(struct history_event e, const uint8_t *data)
{
	uint64_t end = e.offset + e.length;
	struct history_event run = e;

	run.length = 0;
	for (uint64_t o = e.offset; o < end; o += history_cell(&head, o)) {
		uint32_t seen;
		bool good = history_look(&head, data + (o - e.offset), o, &seen);

		if (run.length && (!good || seen != run.version)) {
			write_down(run, HISTORY_SEEN);
			run.length = 0;
		}
		if (!run.length)
			run.offset = o;
		run.version = seen;
		run.length += history_cell(&head, o);
		if (!good) {
			write_down(run, HISTORY_TORN);
			run.length = 0;
		}
	}
	if (run.length)
		write_down(run, HISTORY_SEEN);
}

static void finish(struct op *op, uint32_t error)
{
	struct history_event e = op->what;

	if (e.type == HISTORY_READ && !error)
		write_down_seen(e, in + NBD_SIMPLE_REPLY_SIZE);
	if (error)
		e.version = error;
	write_down(e, error ? HISTORY_FAILED : HISTORY_DONE);
	/* A read that fails at the end is repeated. */
	if (error && wants_end)
		read_up_to = 0;
	set_busy(op, false);
	memset(op, 0, sizeof(*op));
	n_ops--;
}

/* Return: how many bytes the answer has that begins in @in; 0 if it is none. */
static size_t answer_size(void)
{
	const struct op *op = find(nbd_get64(in + 8));

	if (nbd_get32(in) != NBD_SIMPLE_REPLY_MAGIC || !op)
		return 0;
	if (op->what.type != HISTORY_READ || nbd_get32(in + 4))
		return NBD_SIMPLE_REPLY_SIZE;
	return NBD_SIMPLE_REPLY_SIZE + op->what.length;
}

static void take_stray(void)
{
	struct history_event e = { .connection = connection, .cookie = nbd_get64(in + 8) };

	write_down(e, HISTORY_STRAY);
	cut(true);
}

/* Return: false if nothing more has come. */
static bool take_bytes(void)
{
	size_t size = in_got < NBD_SIMPLE_REPLY_SIZE ? NBD_SIMPLE_REPLY_SIZE : answer_size();
	ssize_t n = recv(sock, in + in_got, size - in_got, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		connection_closed();
		return false;
	}
	in_got += (size_t)n;
	if (in_got < NBD_SIMPLE_REPLY_SIZE)
		return true;
	size = answer_size();
	if (!size) {
		take_stray();
		return false;
	}
	if (in_got == size) {
		finish(find(nbd_get64(in + 8)), nbd_get32(in + 4));
		in_got = 0;
	}
	return true;
}

static void send_bytes(void)
{
	ssize_t n;

	if (sock < 0 || out_from == out_to)
		return;
	n = send(sock, out + out_from, out_to - out_from, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		out_from += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		connection_closed();
}

/*
 * The client
 */

static void look_for_stuck(void)
{
	uint64_t now = now_ns();

	for (unsigned int i = 0; i < DEPTH; i++) {
		const struct history_event *e = &ops[i].what;

		if (e->type && now - e->ns > PATIENCE_NS)
			give_up(*e);
	}
	if (wants_end && !end_ns)
		end_ns = now;
	if (end_ns && now - end_ns > PATIENCE_NS)
		give_up((struct history_event){ .connection = connection });
}

static void wait_for_something(void)
{
	struct pollfd p[1 + MAX_ZOMBIES] = { { .fd = sock, .events = POLLIN } };
	unsigned int n = n_zombies;

	if (out_from != out_to)
		p[0].events |= POLLOUT;
	for (unsigned int i = 0; i < n; i++)
		p[1 + i] = (struct pollfd){ .fd = zombies[i].fd, .events = POLLIN };
	if (poll(p, 1 + n, 3) <= 0)
		return;
	for (unsigned int i = n; i > 0; i--)
		if (p[i].revents)
			read_zombie(&zombies[i - 1]);
	if (p[0].revents & ~POLLOUT)
		while (take_bytes())
			;
}

static void step(void)
{
	if (sock < 0)
		make_connection();
	if ((wants_fin || wants_reset) && !wants_end)
		cut(wants_reset);
	wants_fin = 0;
	wants_reset = 0;
	if (sock < 0)
		return;
	begin();
	send_bytes();
	if (sock >= 0)
		wait_for_something();
	look_for_stuck();
}

static bool is_over(void)
{
	return wants_end && read_up_to >= head.bytes && !n_ops;
}

static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = take_signal };

	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGUSR2, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

/* Client @number of @n that share the export. */
__attribute__((noreturn))
static void be_client(const char *folder, unsigned int number, unsigned int slice)
{
	char path[512];

	catch_signals();
	seed = seed * 6364136223846793005ULL + number * 2862933555777941757ULL + 1;
	head = (struct history_head){ .magic = HISTORY_MAGIC, .first = slice * (uint64_t)AREA,
				      .bytes = AREA, .salt = number + 1 };
	strncpy(head.export, export_name, sizeof(head.export) - 1);
	snprintf(path, sizeof(path), "%s/client-%u", folder, number);
	history = fopen(path, "we");
	cells = calloc(history_cells(&head), sizeof(*cells));
	if (!history || !cells)
		_exit(2);
	fwrite(&head, sizeof(head), 1, history);
	next_ns = now_ns();
	while (!is_over())
		step();
	write_down((struct history_event){ 0 }, HISTORY_END);
	fclose(history);
	say_goodbye(sock);
	_exit(0);
}

static int wait_for_clients(const pid_t *client, unsigned int n)
{
	sigset_t set;
	int number, failed = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &number);
	for (unsigned int i = 0; i < n; i++)
		kill(client[i], SIGTERM);
	for (unsigned int i = 0; i < n; i++) {
		int status;

		waitpid(client[i], &status, 0);
		if (status)
			printf("client %u ended with %#x\n", i, (unsigned int)status);
		failed += status != 0;
	}
	return failed ? 1 : 0;
}

static pid_t start_client(const char *folder, unsigned int number, unsigned int slice,
			  const sigset_t *old)
{
	pid_t pid = fork();

	if (!pid) {
		sigprocmask(SIG_SETMASK, old, NULL);
		be_client(folder, number, slice);
	}
	printf("client %u %d %s\n", number, pid, export_name);
	fflush(stdout);
	return pid;
}

int main(int argc, char **argv)
{
	pid_t client[MAX_CLIENTS];
	unsigned int n = 0, each;
	sigset_t set, old;

	if (argc > 1 && !strcmp(argv[1], "--rash")) {
		is_rash = true;
		argv++;
		argc--;
	}
	if (argc < 7)
		return 2;
	host = argv[1];
	port = argv[2];
	seed = strtoull(argv[3], NULL, 10);
	each = (unsigned int)strtoul(argv[5], NULL, 10);
	buffer = calloc(1, LONGEST + 2 * MIB);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 6; i < argc; i++) {
		export_name = argv[i];
		for (unsigned int k = 0; k < each && n < MAX_CLIENTS; k++, n++)
			client[n] = start_client(argv[4], n, k, &old);
	}
	printf("ready\n");
	fflush(stdout);
	return wait_for_clients(client, n);
}
