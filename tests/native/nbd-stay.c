// SPDX-License-Identifier: MIT
/*
 * Clients that stop in the midst of something, while a test replaces the server's process, and then
 * go on.
 *
 *	nbd-stay HOST PORT EXPORT CLIENTS WHERE...
 *
 * Client N stops where the N-th word says, and the words are used again when they are used up:
 *	idle		between two requests
 *	header		in the header of a write
 *	payload		in the payload of a write
 *	refused		in the payload of a write that the server refuses
 *	long		in the payload of a write that the server serves in pieces
 *	handshake	before the client has said what it wants
 *
 * The program prints "ready" when all have stopped there, and goes on when it gets a line. Each
 * client then ends its write and reads it again. It prints "good N lost N wrong N".
 */
#include "nbd-client.h"

#define CLIENTS_MAX	512
/* Each client has so many bytes of the export for itself, but those that write more. */
#define PART		(64U << 10)
#define LONG		(40 * MIB)

/* enum where - where a client stops */
enum where { IDLE, HEADER, PAYLOAD, REFUSED, LONG_WRITE, HANDSHAKE, N_WHERE };

static const char *const words[] = {
	"idle", "header", "payload", "refused", "long", "handshake",
};

/**
 * struct client - a client
 * @fd: its connection
 * @where: where it stops
 * @offset: first byte that it writes
 * @length: bytes that it writes
 * @sent: bytes of its write that it sends before it stops, the header included
 */
struct client {
	int fd;
	enum where where;
	uint64_t offset;
	uint32_t length;
	uint32_t sent;
};

static struct client client[CLIENTS_MAX];
static unsigned int n_clients;

static enum where take_word(const char *word)
{
	for (unsigned int i = 0; i < N_WHERE; i++)
		if (!strcmp(word, words[i]))
			return i;
	bail("no client stops at %s", word);
}

/* Make the write of a client, with its header. Return: its bytes. */
static uint32_t make_write(const struct client *c, uint8_t *to)
{
	pack_request(to, 0, NBD_CMD_WRITE, c->offset, c->offset, c->length);
	for (uint32_t i = 0; i < c->length; i += 8)
		nbd_put64(to + NBD_REQUEST_SIZE + i, (c->offset + i) * 0x9e3779b97f4a7c15ULL);
	return NBD_REQUEST_SIZE + c->length;
}

static uint32_t bytes_before(const struct client *c)
{
	switch (c->where) {
	case IDLE:
		return 0;
	case HEADER:
		return NBD_REQUEST_SIZE / 2;
	default:
		return NBD_REQUEST_SIZE + c->length / 2;
	}
}

static void start(struct client *c, unsigned int i)
{
	c->offset = (uint64_t)i * PART;
	c->length = c->where == LONG_WRITE ? LONG : PART;
	c->fd = c->where == HANDSHAKE ? dial_and_greet() : enter();
	if (c->fd < 0)
		bail("client %u cannot connect", i);
	if (c->where == HANDSHAKE)
		return;
	/* The server has no such bytes. */
	if (c->where == REFUSED)
		c->offset = export_bytes - PART / 2;
	make_write(c, buffer);
	c->sent = bytes_before(c);
	if (!push(c->fd, buffer, c->sent))
		bail("client %u is cut off", i);
}

/* Return: 0 if all is well; 1 if the connection was lost; 2 if other data came. */
static unsigned int finish(const struct client *c)
{
	uint8_t *got = buffer + LONG + MIB;
	int error;

	if (c->where == HANDSHAKE)
		return is_closed(c->fd);
	if (!push(c->fd, buffer + c->sent, make_write(c, buffer) - c->sent))
		return 1;
	error = answer(c->fd, c->offset);
	if (error < 0)
		return 1;
	if (c->where == REFUSED)
		return error ? 0 : 2;
	if (error || !transfer(c->fd, NBD_CMD_READ, c->offset, got, PART))
		return 1;
	return memcmp(buffer + NBD_REQUEST_SIZE, got, PART) ? 2 : 0;
}

int main(int argc, char **argv)
{
	unsigned int count[3] = { 0 };
	char line[16];

	if (argc < 6)
		bail("usage: %s HOST PORT EXPORT CLIENTS WHERE...", argv[0]);
	host = argv[1];
	port = argv[2];
	export_name = argv[3];
	n_clients = (unsigned int)atoi(argv[4]);
	buffer = malloc(LONG + 2 * MIB);
	if (!buffer || n_clients > CLIENTS_MAX)
		bail("too many clients");
	for (unsigned int i = 0; i < n_clients; i++) {
		client[i].where = take_word(argv[5 + i % (unsigned int)(argc - 5)]);
		start(&client[i], i);
	}
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		bail("nobody says that the clients may go on");
	for (unsigned int i = 0; i < n_clients; i++)
		count[finish(&client[i])]++;
	printf("good %u lost %u wrong %u\n", count[0], count[1], count[2]);
	return 0;
}
