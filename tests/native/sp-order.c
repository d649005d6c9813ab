// SPDX-License-Identifier: MIT
/*
 * Goal: requests that overlap have the effect that they would have one after the other, in the
 * order in which the storage process accepted them. Discards, zeroes, flushes and FUA have the
 * effect that the protocol defines, and a read-only disk is never written.
 * Method: this program is the NP of one arena-sp. It sends random requests of any alignment,
 * several in each message, to a few blocks. It changes a model when it sends a request, and each
 * read has to find what the model held then. SEED repeats a run. The beginning of DISK is
 * overwritten.
 *
 *	sp-order ARENA_SP DISK LOG ROUNDS [slow]
 *
 * "slow" says that the disk cannot write zeroes by itself, so that the storage process has to.
 */
#include "sp-peer.h"

#include <time.h>

#define AREA		(64U << 10)
#define LONGEST		20000U
/* Buffers of the longest payload, which may begin in the middle of a buffer. */
#define BUFFERS		(LONGEST / PROTO_DISK_BUFFER + 2)

static uint8_t model[AREA];
static struct proto_disk disk;
static bool is_slow;

/* The requests in flight, by their place in the batch, and the data that each READ must find. */
static struct {
	uint64_t tag;
	struct proto_request request;
	uint8_t expected[LONGEST];
	bool has_ended;
} flight[SLOTS];

static uint8_t *payload_at(unsigned int nth)
{
	return arena_layout_buffer(base, &layout, np_group(PROTO_USE_PAYLOAD), nth * BUFFERS);
}

static struct proto_request *record_at(unsigned int nth)
{
	return arena_layout_buffer(base, &layout, np_group(PROTO_USE_RECORD), nth);
}

static struct proto_request request(unsigned int nth, uint16_t operation, uint64_t offset,
				    uint64_t length)
{
	struct proto_request r = {
		.tag = nth | (uint64_t)generation << 32, .operation = operation,
		.offset = offset, .length = length,
	};

	if (operation == PROTO_WRITE) {
		r.n_refs = 1;
		r.ref[0] = (struct arena_ref){
			.group = np_group(PROTO_USE_PAYLOAD),
			.index = nth * BUFFERS,
			.count = (uint16_t)((offset % PROTO_DISK_BUFFER + length +
					     PROTO_DISK_BUFFER - 1) / PROTO_DISK_BUFFER),
			.generation = 1,
		};
	}
	return r;
}

static void send_records(unsigned int n)
{
	const struct arena_msg m = {
		.type = PROTO_MESSAGE_REQUESTS,
		.value = (uint16_t)n,
		.ref = {
			.group = np_group(PROTO_USE_RECORD),
			.count = (uint16_t)n,
			.generation = ++generation ? generation : ++generation,
		},
	};

	owed[n_owed++] = m.ref;
	send_message(m);
}

/* Send one request and return the status of its reply. Data of the reply is given back at once. */
static uint32_t status_of(struct proto_request r)
{
	struct proto_reply reply;

	*record_at(0) = r;
	send_records(1);
	reply = receive_reply();
	if (reply.tag != r.tag)
		bail("the storage process replies to another request");
	for (unsigned int i = 0; i < reply.n_refs; i++)
		give_back(reply.ref[i]);
	return reply.status;
}

/* Read the first @length bytes of the disk. Return: false if they cannot be read. */
static bool read_area(uint8_t *to, uint32_t length)
{
	struct proto_reply reply;

	*record_at(0) = request(0, PROTO_READ, 0, length);
	send_records(1);
	reply = receive_reply();
	if (reply.status || reply.n_refs != 1)
		return false;
	memcpy(to, arena_layout_buffer(base, &layout, reply.ref[0].group, reply.ref[0].index),
	       length);
	give_back(reply.ref[0]);
	return true;
}

static void model_changes(unsigned int nth, const struct proto_request *r)
{
	uint8_t *data = payload_at(nth) + r->offset % PROTO_DISK_BUFFER;

	switch (r->operation) {
	case PROTO_READ:
		memcpy(flight[nth].expected, model + r->offset, r->length);
		break;
	case PROTO_WRITE:
		for (uint64_t i = 0; i < r->length; i++)
			data[i] = (uint8_t)random();
		memcpy(model + r->offset, data, r->length);
		break;
	case PROTO_WRITE_ZEROES:
		memset(model + r->offset, 0, r->length);
		break;
	default:
		break;
	}
}

static uint16_t random_operation(void)
{
	static const uint16_t operations[] = {
		PROTO_READ, PROTO_READ, PROTO_READ, PROTO_WRITE, PROTO_WRITE, PROTO_WRITE,
		PROTO_FLUSH, PROTO_WRITE_ZEROES,
	};

	return operations[(size_t)random() % (sizeof(operations) / sizeof(*operations))];
}

static void prepare(unsigned int nth)
{
	uint64_t length = 1 + (uint64_t)random() % (random() % 2 ? LONGEST : 1000);
	uint64_t offset = (uint64_t)random() % (AREA - length);
	uint16_t operation = random_operation();
	struct proto_request r;

	/* Half of the requests are of whole blocks, which the SP carries out in another way. */
	if (random() % 2) {
		offset &= ~(uint64_t)(disk.block_size - 1);
		length = (length + disk.block_size - 1) & ~(uint64_t)(disk.block_size - 1);
	}
	if (length > LONGEST || offset + length > AREA)
		length = disk.block_size;
	if (operation == PROTO_FLUSH)
		offset = 0, length = 0;
	r = request(nth, operation, offset, length);
	if ((operation == PROTO_WRITE || operation == PROTO_WRITE_ZEROES) && random() % 4 == 0)
		r.flags = PROTO_FLAG_FUA;
	flight[nth].request = r;
	flight[nth].has_ended = false;
	model_changes(nth, &r);
	*record_at(nth) = r;
}

static bool is_right(const struct proto_reply *reply)
{
	unsigned int nth = (uint32_t)reply->tag;
	const struct proto_request *r;
	const uint8_t *data;

	if (nth >= SLOTS || flight[nth].has_ended || reply->tag != flight[nth].request.tag)
		return false;
	r = &flight[nth].request;
	flight[nth].has_ended = true;
	if (reply->status)
		return false;
	if (r->operation != PROTO_READ)
		return !reply->n_refs;
	if (reply->n_refs != 1)
		return false;
	data = arena_layout_buffer(base, &layout, reply->ref[0].group, reply->ref[0].index);
	data += r->offset % PROTO_DISK_BUFFER;
	return !memcmp(data, flight[nth].expected, r->length);
}

static bool one_round(void)
{
	unsigned int n = 1 + (unsigned int)random() % SLOTS;
	bool good = true;

	for (unsigned int i = 0; i < n; i++)
		prepare(i);
	send_records(n);
	for (unsigned int i = 0; i < n; i++) {
		struct proto_reply reply = receive_reply();

		good &= is_right(&reply);
		for (unsigned int k = 0; k < reply.n_refs; k++)
			give_back(reply.ref[k]);
	}
	return good;
}

static void test_order(unsigned int all)
{
	static uint8_t found[AREA];
	unsigned int rounds = 0;

	while (rounds < all && one_round())
		rounds++;
	is(rounds, all,
	   "each read finds what earlier requests wrote, and nothing that later ones wrote");
	ok(read_area(found, AREA) && !memcmp(found, model, AREA),
	   "overlapping requests leave the disk as if each had waited for the one before it");
}

/* Write the whole area, so that its contents are known. */
static void fill(void)
{
	for (uint32_t at = 0; at < AREA; at += PROTO_DISK_BUFFER) {
		struct proto_request r = request(0, PROTO_WRITE, at, PROTO_DISK_BUFFER);

		model_changes(0, &r);
		if (status_of(r))
			bail("the disk cannot be written");
	}
}

static bool are_zeroes(const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

static void test_zeroes(void)
{
	static uint8_t found[AREA];
	struct proto_request r = request(0, PROTO_WRITE_ZEROES, 0, AREA / 2);

	is(disk.flags & PROTO_DISK_WRITE_ZEROES, PROTO_DISK_WRITE_ZEROES,
	   "the SP says of every disk that can be written that it writes zeroes");
	fill();
	r.flags = PROTO_FLAG_FAST;
	is(status_of(r), is_slow ? PROTO_ENOTSUP : PROTO_OK,
	   "the SP %s a fast write of zeroes", is_slow ? "refuses" : "carries out");
	if (is_slow)
		ok(read_area(found, AREA) && !memcmp(found, model, AREA),
		   "a fast write of zeroes that was refused changes nothing");
	fill();
	r.flags = PROTO_FLAG_NO_HOLE | PROTO_FLAG_FUA;
	is(status_of(r), PROTO_OK, "the SP carries out a write of zeroes with NO_HOLE and FUA");
	ok(read_area(found, AREA / 2) && are_zeroes(found, AREA / 2),
	   "a range where zeroes were written reads as zeroes");
	fill();
	r = request(0, PROTO_WRITE_ZEROES, 1, disk.bytes < 1 << 30 ? disk.bytes - 2 : 1 << 30);
	is(status_of(r), PROTO_OK,
	   "the SP carries out a write of more zeroes than one operation takes");
	ok(read_area(found, AREA) && found[0] == model[0],
	   "a write of zeroes that begins within a block leaves the byte before it");
	found[0] = 0;
	ok(are_zeroes(found, AREA), "the disk has zeroes where a long write of zeroes begins");
}

static void test_discard(void)
{
	struct proto_request r = request(0, PROTO_DISCARD, 0, disk.bytes);

	if (!(disk.flags & PROTO_DISK_DISCARD)) {
		is(status_of(r), PROTO_ENOTSUP,
		   "a disk that cannot discard answers ENOTSUP to a discard");
		return;
	}
	fill();
	r.offset = 1;
	r.length = disk.block_size;
	is(status_of(r), PROTO_OK,
	   "a discard that covers no whole block succeeds without an effect");
	r = request(0, PROTO_DISCARD, 0, disk.bytes);
	r.flags = PROTO_FLAG_FUA;
	is(status_of(r), PROTO_OK, "the SP carries out a discard of the whole disk with FUA");
}

static void test_readonly(void)
{
	more = "--read-only";
	give_back(sp_connect().ref);
	is(status_of(request(0, PROTO_WRITE, 0, 4096)), PROTO_EPERM,
	   "a read-only storage process refuses a write");
	is(status_of(request(0, PROTO_DISCARD, 0, 4096)), PROTO_EPERM,
	   "a read-only storage process refuses a discard");
	is(status_of(request(0, PROTO_WRITE_ZEROES, 0, 4096)), PROTO_EPERM,
	   "a read-only storage process refuses a write of zeroes");
	is(status_of(request(0, PROTO_READ, 0, 4096)), PROTO_OK,
	   "a read-only storage process serves a read");
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "a read-only storage process ends with status 0 after SIGTERM");
}

static void start(void)
{
	struct arena_msg m = sp_connect();

	if (proto_disk_receive(&disk, arena_layout_buffer(base, &layout, m.ref.group,
							  m.ref.index)))
		bail("the storage process describes no disk");
	give_back(m.ref);
	diag("blocks of %u bytes, flags %u, at most %u bytes at once, atomic %u, discards of %u",
	     disk.block_size, disk.flags, disk.max_bytes, disk.atomic_bytes,
	     disk.discard_granularity);
}

int main(int argc, char **argv)
{
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);

	is_slow = argc == 6 && !strcmp(argv[5], "slow");
	if (argc != 5 + is_slow)
		bail("usage: sp-order ARENA_SP DISK LOG ROUNDS [slow]");
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	diag("SEED=%u", seed);
	srandom(seed);
	region_make();
	start();
	fill();
	test_order((unsigned int)atoi(argv[4]));
	test_zeroes();
	test_discard();
	kill(sp_pid, SIGTERM);
	is(sp_wait(), 0, "the storage process ends with status 0 after SIGTERM");
	ok(counter("overlaps=") > 0,
	   "some requests had to wait for earlier ones that overlap them");
	is(counter("bad_messages="), 0, "the storage process counted no bad message");
	test_readonly();
	arena_close(arena);
	mshare_close(region);
	return done_testing();
}
