// SPDX-License-Identifier: MIT
/*
 * Goal: no write that shares a block with another one changes that one's bytes, whatever their
 * alignment.
 * Method: in each round a stretch of the disk is cut into pieces of odd lengths, which are written
 * all at once in random order over one connection, so that neighbours share their blocks while both
 * are in flight. READs must find what a copy in memory has: after each round in some pieces, and at
 * the end on the whole disk.
 *
 *	nbd-model HOST PORT EXPORT [ROUNDS [SEED]]
 */
#include <arpa/inet.h>
#include <np/nbd/wire.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define PIECES		48
#define MAX_BYTES	(64U << 20)

static int sock;
static uint8_t *model;
static uint64_t disk_bytes;
static int rounds = 400;

struct piece {
	uint64_t offset;
	uint32_t length;
};

static void get(void *to, size_t length)
{
	while (length) {
		ssize_t n = read(sock, to, length);

		if (n <= 0)
			bail("the server has hung up");
		to = (char *)to + n;
		length -= (size_t)n;
	}
}

static void put(const void *from, size_t length)
{
	while (length) {
		ssize_t n = write(sock, from, length);

		if (n <= 0)
			bail("the server has hung up");
		from = (const char *)from + n;
		length -= (size_t)n;
	}
}

static void connect_to(const char *host, int port, const char *export)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	uint8_t greeting[NBD_GREETING_SIZE], raw[NBD_OPTION_SIZE];
	int one = 1;

	inet_pton(AF_INET, host, &to.sin_addr);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&to, sizeof(to)))
		bail("cannot connect");
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	get(greeting, sizeof(greeting));
	nbd_put32(raw, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
	put(raw, NBD_CLIENT_FLAGS_SIZE);
	nbd_put64(raw, NBD_OPTION_MAGIC);
	nbd_put32(raw + 8, NBD_OPT_EXPORT_NAME);
	nbd_put32(raw + 12, (uint32_t)strlen(export));
	put(raw, sizeof(raw));
	put(export, strlen(export));
	get(raw, 10);
	disk_bytes = nbd_get64(raw);
}

static void put_request(uint16_t type, const struct piece *p, uint64_t cookie)
{
	uint8_t raw[NBD_REQUEST_SIZE];

	nbd_put32(raw, NBD_REQUEST_MAGIC);
	nbd_put16(raw + 4, type == NBD_CMD_WRITE && !(random() % 4) ? NBD_CMD_FLAG_FUA : 0);
	nbd_put16(raw + 6, type);
	nbd_put64(raw + 8, cookie);
	nbd_put64(raw + 16, p->offset);
	nbd_put32(raw + 24, p->length);
	put(raw, sizeof(raw));
}

/* Receive the next reply and its cookie. Return: false if it is an error. */
static bool get_reply(uint64_t *cookie)
{
	uint8_t raw[NBD_SIMPLE_REPLY_SIZE];

	get(raw, sizeof(raw));
	*cookie = nbd_get64(raw + 8);
	return nbd_get32(raw) == NBD_SIMPLE_REPLY_MAGIC && !nbd_get32(raw + 4);
}

static void cut(struct piece *piece)
{
	uint64_t offset;
	uint32_t longest = random() % 8 ? 3000 : 40000;

	offset = (uint64_t)random() % (disk_bytes - PIECES * (uint64_t)longest);
	for (int i = 0; i < PIECES; i++) {
		piece[i].offset = offset;
		piece[i].length = 1 + (uint32_t)random() % longest;
		offset += piece[i].length;
	}
	for (int i = PIECES - 1; i > 0; i--) {
		int j = (int)(random() % (i + 1));
		struct piece other = piece[i];

		piece[i] = piece[j];
		piece[j] = other;
	}
}

/* Fill with noise, by xorshift: random() for each byte takes longer than the server does. */
static void fill(uint8_t *data, uint32_t length)
{
	uint64_t noise = (uint64_t)random() + 1;

	for (uint32_t i = 0; i < length; i++) {
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		data[i] = (uint8_t)noise;
	}
}

static bool write_round(void)
{
	struct piece piece[PIECES];
	bool good = true;

	cut(piece);
	for (int i = 0; i < PIECES; i++) {
		fill(model + piece[i].offset, piece[i].length);
		put_request(NBD_CMD_WRITE, &piece[i], (uint64_t)i);
		put(model + piece[i].offset, piece[i].length);
	}
	for (int i = 0; i < PIECES; i++) {
		uint64_t cookie;

		good &= get_reply(&cookie) && cookie < PIECES;
	}
	return good;
}

static bool read_back(const struct piece *p)
{
	static uint8_t data[1 << 20];
	uint64_t cookie;

	put_request(NBD_CMD_READ, p, 7);
	if (!get_reply(&cookie) || cookie != 7)
		return false;
	get(data, p->length);
	return !memcmp(data, model + p->offset, p->length);
}

int main(int argc, char **argv)
{
	struct piece piece[PIECES], all;
	bool writes = true, reads = true, whole = true;
	unsigned int seed;

	if (argc < 4)
		bail("usage: nbd-model HOST PORT EXPORT [ROUNDS [SEED]]");
	if (argc > 4)
		rounds = atoi(argv[4]);
	seed = argc > 5 ? (unsigned int)atoi(argv[5]) : (unsigned int)time(NULL);
	diag("seed %u", seed);
	srandom(seed);
	connect_to(argv[1], atoi(argv[2]), argv[3]);
	if (disk_bytes < 4U << 20)
		bail("the disk must have 4 MiB or more, and be empty");
	/* Only the beginning of a larger disk is used. */
	if (disk_bytes > MAX_BYTES)
		disk_bytes = MAX_BYTES;
	model = calloc(1, disk_bytes);

	for (int round = 0; round < rounds && writes && reads; round++) {
		writes = write_round();
		cut(piece);
		for (int i = 0; i < 4; i++)
			reads &= read_back(&piece[i]);
	}
	ok(writes,
	   "the server carries out %d rounds of %d writes that share blocks", rounds, PIECES);
	ok(reads, "READs between the rounds find what was written");
	for (all = (struct piece){ .length = 1 << 20 }; all.offset < disk_bytes;
	     all.offset += all.length)
		whole &= read_back(&all);
	ok(whole, "READs of the whole disk find what was written");
	return done_testing();
}
