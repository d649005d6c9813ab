// SPDX-License-Identifier: MIT
/*
 * Goal: a network process that takes the place of another one takes a connection only if all of it
 * has come and makes sense, with exactly the bytes that were sent, and no more connections than
 * there may be. It keeps no descriptor of what it does not take.
 * Method: the input makes the messages of the process that hands over, some of them with a socket
 * or with something else, and puts them into a real socket, whose end the successor's part hears.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <control/handoff.h>
#include <control/packet.h>
#include <errno.h>
#include <fcntl.h>
#include <np/np.h>
#include <np/successor.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parser.h"

#define NAME		"disk"
#define CONNS_MAX	4U
#define SENT_MAX	16U
#define BYTES_MAX	1024U
#define FDS_MAX		64

enum passed { NOTHING, STREAM, DATAGRAM, A_FILE, NONBLOCKING, ENDED };
enum how { TYPE = 7, PASSED = 7 << 3, IS_GOOD = 1 << 6, OWN_SIZE = 1 << 7 };

/* A connection that was sent, and the bytes that followed. */
struct sent {
	ino_t inode;
	bool is_good;
	uint8_t bytes[BYTES_MAX];
	uint32_t n;
};

static struct options options = { .control_fd = -1, .connections_max = CONNS_MAX };
static struct np np = { .options = &options };
static struct sent sent[SENT_MAX];
static unsigned int n_sent;
/* Nothing but good connections and their bytes were sent, and then END and GIVEN. */
static bool is_plain, has_end, has_given;
static int client[SENT_MAX], n_clients;

static uint64_t open_fds(void)
{
	uint64_t all = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		all |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
	return all;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	must(!fstat(fd, &st));
	return st.st_ino;
}

static int make_passed(uint8_t which)
{
	int ends[2];

	if (which == A_FILE)
		return memfd_create("file", MFD_CLOEXEC);
	if (which == NOTHING || which > ENDED)
		return -1;
	must(!socketpair(AF_UNIX, which == DATAGRAM ? SOCK_DGRAM : SOCK_STREAM, 0, ends));
	if (which == NONBLOCKING)
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (which == ENDED)
		close(ends[1]);
	else
		client[n_clients++] = ends[1];
	return ends[0];
}

/* Return: how many bytes go behind the structure. */
static size_t make_message(union handoff_any *any, uint8_t *more, uint8_t how, struct input *in)
{
	size_t n;

	if (!(how & IS_GOOD)) {
		eat(in, any, sizeof(*any));
		any->head.type = how & TYPE;
		n = eat_u8(in);
		eat(in, more, n);
		return n;
	}
	*any = (union handoff_any){ .head.type = how & TYPE };
	if (any->head.type == HANDOFF_CONN) {
		any->conn.left = eat_u16(in) % BYTES_MAX;
		any->conn.name_length = strlen(NAME);
		memcpy(more, NAME, strlen(NAME));
		return strlen(NAME);
	}
	n = any->head.type == HANDOFF_BYTES ? eat_u8(in) : 0;
	eat(in, more, n);
	return n;
}

static uint32_t size_of(uint32_t type)
{
	static const uint32_t size[] = {
		[HANDOFF_READY] = sizeof(struct handoff_ready),
		[HANDOFF_CONN] = sizeof(struct handoff_conn),
		[HANDOFF_BYTES] = sizeof(struct handoff_head),
		[HANDOFF_END] = sizeof(struct handoff_count),
		[HANDOFF_REFUSED] = sizeof(struct handoff_head),
		[HANDOFF_TAKEN] = sizeof(struct handoff_count),
		[HANDOFF_GIVEN] = sizeof(struct handoff_head),
	};

	return type < sizeof(size) / sizeof(*size) ? size[type] : sizeof(union handoff_any);
}

static void note(uint8_t how, const uint8_t *more, size_t n, int fd)
{
	uint8_t passed = (how & PASSED) >> 3;

	if (!(how & IS_GOOD) || how & OWN_SIZE ||
	    (has_end && (has_given || (how & TYPE) != HANDOFF_GIVEN)))
		is_plain = false;
	if ((how & TYPE) == HANDOFF_CONN) {
		struct sent *s = &sent[n_sent++];

		/* That a client has gone is found out later, too. */
		*s = (struct sent){ .inode = fd < 0 ? 0 : inode_of(fd),
				    .is_good = passed == STREAM || passed == ENDED };
		is_plain = is_plain && passed == STREAM;
	} else if ((how & TYPE) == HANDOFF_BYTES && n_sent) {
		struct sent *s = &sent[n_sent - 1];

		/* More than a connection can have here is not compared. */
		if (n <= BYTES_MAX - s->n)
			memcpy(s->bytes + s->n, more, n);
		s->n += n;
	} else if ((how & TYPE) == HANDOFF_END) {
		has_end = true;
	} else if ((how & TYPE) == HANDOFF_GIVEN) {
		is_plain = is_plain && has_end;
		has_given = true;
	} else {
		is_plain = false;
	}
}

static uint32_t want_left[SENT_MAX];

static void send_one(int to, struct input *in)
{
	uint8_t how = eat_u8(in), more[256];
	int fd = make_passed((how & PASSED) >> 3);
	union handoff_any any;
	size_t n = make_message(&any, more, how, in);
	struct iovec part[2];

	any.head.size = how & OWN_SIZE ? eat_u8(in) : size_of(any.head.type);
	part[0] = (struct iovec){ &any, size_of(any.head.type) };
	part[1] = (struct iovec){ more, n };
	if (any.head.type == HANDOFF_CONN)
		want_left[n_sent] = any.conn.left;
	note(how, more, n, fd);
	must(!packet_send(to, part, 2, fd));
	if (fd >= 0)
		close(fd);
}

static unsigned int sent_as(ino_t inode)
{
	unsigned int i = 0;

	while (i < n_sent && sent[i].inode != inode)
		i++;
	must(i < n_sent);
	return i;
}

/* Return: which of @sent it is. */
static unsigned int check_taken(const struct taken *t)
{
	unsigned int i = sent_as(inode_of(t->fd));

	must(sent[i].is_good && t->sp == 0 && !strlen(t->identity));
	must(t->conn.style <= NBD_EXTENDED && t->conn.has_allocation <= 1);
	must(t->conn.tls == HANDOFF_PLAIN && t->n_left == t->conn.left);
	must(sent[i].n >= t->n_left);
	if (sent[i].n == t->n_left && t->n_left <= BYTES_MAX)
		must(!memcmp(sent[i].bytes, t->left, t->n_left));
	return i;
}

static void check_all(const struct successor *s)
{
	unsigned int last = n_sent, wanted = 0, begun = 0, n = 0;

	for (const struct taken *t = s->newest; t; t = t->next, n++) {
		unsigned int which = check_taken(t);

		must(which < last);
		last = which;
	}
	must(n == s->n && n <= CONNS_MAX);
	if (!is_plain)
		return;
	for (unsigned int i = 0; i < n_sent && begun < CONNS_MAX; i++, begun++)
		wanted += sent[i].n == want_left[i];
	must(s->n >= wanted);
}

static int hear(struct input *in)
{
	int ends[2], ret;

	must(!handoff_open(ends));
	while (in->size && n_sent < SENT_MAX && n_clients < (int)SENT_MAX)
		send_one(ends[0], in);
	close(ends[0]);
	ret = successor_hear(&np, ends[1]);
	close(ends[1]);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t fds = open_fds();
	int ret;

	log_init("handoff", LOG_LEVEL_ERROR);
	np.offered.set.n = 1;
	np.offered.set.export[0].name = NAME;
	np.successor = (struct successor){ 0 };
	n_sent = 0;
	n_clients = 0;
	is_plain = true;
	has_end = false;
	has_given = false;
	ret = hear(&in);
	must(!ret || ret == -EPIPE || ret == -ECANCELED || ret == -EPROTO);
	must(ret || (has_end && has_given));
	must(!is_plain || !has_given || !ret);
	check_all(&np.successor);
	successor_exit(&np);
	while (n_clients)
		close(client[--n_clients]);
	must(open_fds() == fds);
	return 0;
}
