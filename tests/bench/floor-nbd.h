/* SPDX-License-Identifier: MIT */
/*
 * The least of NBD that a client needs to read and write one disk: the handshake, and
 * a stream of requests that is received into the places where they are used. Shared by
 * the floors that `make bench-nbd` measures; see floor.c. Nothing is checked that a
 * well-behaved client does not do wrong.
 */
#ifndef BENCH_FLOOR_NBD_H
#define BENCH_FLOOR_NBD_H

#include <endian.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SLOTS		128	/* requests of a connection that can be there at once */
#define BLOCK		131072U	/* the longest request */
#define GUESSES		32	/* writes that one receive takes at most */
#define PACKED		__attribute__((packed))
#define SPILL		(GUESSES * (BLOCK + sizeof(struct nbd_request)))

enum { NBD_READ, NBD_WRITE, NBD_DISC, NBD_FLUSH };

struct nbd_request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
} PACKED;

struct nbd_reply {
	uint32_t magic, error;
	uint64_t cookie;
} PACKED;

/*
 * A connection. Its slots are a circle: those from @base on are received into, and the
 * first one may be there in part. Requests and payloads lie in memory that the
 * process which does the disk's work sees as well.
 */
struct stream {
	int fd;
	unsigned int base;	/* the slot that is received next */
	uint32_t have;		/* bytes of it that are there */
	uint32_t guess;		/* length of the writes that are expected, or 0 */
	struct nbd_request *requests;	/* SLOTS */
	char *payloads;		/* SLOTS of BLOCK bytes */
	char *spill;		/* what was received into the wrong place */
	struct iovec iov[2 * GUESSES + 2];
	int n_iov;
	int at;			/* the piece of iov that is parsed */
};

static inline char *slot_payload(const struct stream *s, unsigned int slot)
{
	return s->payloads + (size_t)(slot % SLOTS) * BLOCK;
}

static inline struct nbd_request *slot_request(const struct stream *s, unsigned int slot)
{
	return &s->requests[slot % SLOTS];
}

static inline uint32_t payload_of(const struct nbd_request *r)
{
	if (r->type != htobe16(NBD_WRITE))
		return 0;
	if (be32toh(r->length) > BLOCK)
		errx(1, "a request of %u bytes", be32toh(r->length));
	return be32toh(r->length);
}

static inline void add_piece(struct stream *s, void *base, size_t length)
{
	if (length)
		s->iov[s->n_iov++] = (struct iovec){ base, length };
}

/* The bytes that the first slot lacks, and the number of the slot after it. */
static inline unsigned int add_rest(struct stream *s)
{
	struct nbd_request *r = slot_request(s, s->base);
	uint32_t length = s->guess, done;

	if (!s->have)
		return s->base;
	if (s->have < sizeof(*r)) {
		add_piece(s, (char *)r + s->have, sizeof(*r) - s->have);
		add_piece(s, slot_payload(s, s->base), length);
	} else {
		done = s->have - (uint32_t)sizeof(*r);
		add_piece(s, slot_payload(s, s->base) + done, payload_of(r) - done);
	}
	return s->base + 1;
}

/* A row of headers, from @slot to the one before the first, around the circle. */
static inline void add_headers(struct stream *s, unsigned int slot)
{
	unsigned int first = slot % SLOTS, end = s->base % SLOTS;

	if (first < end) {
		add_piece(s, &s->requests[first], (end - first) * sizeof(*s->requests));
		return;
	}
	add_piece(s, &s->requests[first], (SLOTS - first) * sizeof(*s->requests));
	add_piece(s, s->requests, end * sizeof(*s->requests));
}

/*
 * Where the next bytes go: to a row of headers, or, when the last request was a
 * write, to headers and payloads of such writes by turns.
 */
static inline void stream_expect(struct stream *s)
{
	unsigned int slot;

	s->n_iov = 0;
	s->at = 0;
	slot = add_rest(s);
	if (!s->guess) {
		add_headers(s, slot);
		return;
	}
	for (int i = 0; i < GUESSES - 1; i++, slot++) {
		add_piece(s, slot_request(s, slot), sizeof(*s->requests));
		add_piece(s, slot_payload(s, slot), s->guess);
	}
}

/* Copies the @left bytes that have not been parsed to where nothing overwrites them. */
static inline void spill(struct stream *s, size_t left)
{
	size_t done = 0;

	for (int i = s->at; done < left; i++) {
		size_t n = s->iov[i].iov_len < left - done ? s->iov[i].iov_len : left - done;

		memcpy(s->spill + done, s->iov[i].iov_base, n);
		done += n;
	}
	s->iov[0] = (struct iovec){ s->spill, left };
	s->n_iov = 1;
	s->at = 0;
}

/*
 * Brings up to @want bytes to @to, where they usually are: how many. @left are those that
 * have come and are not parsed.
 */
static inline uint32_t stream_take(struct stream *s, char *to, uint32_t want, size_t left)
{
	uint32_t done = 0;

	while (done < want && done < left) {
		struct iovec *v = &s->iov[s->at];
		size_t n = want - done < left - done ? want - done : left - done;

		if (v->iov_base != to + done &&
		    ((char *)v->iov_base < s->spill || (char *)v->iov_base >= s->spill + SPILL)) {
			spill(s, left - done);
			continue;
		}
		if (n > v->iov_len)
			n = v->iov_len;
		if (v->iov_base != to + done)
			memcpy(to + done, v->iov_base, n);
		v->iov_base = (char *)v->iov_base + n;
		v->iov_len -= n;
		s->at += !v->iov_len;
		done += (uint32_t)n;
	}
	return done;
}

/* How many whole requests the @left bytes that came have completed, from slot @base on. */
static inline unsigned int stream_parse(struct stream *s, size_t left)
{
	const uint32_t header = sizeof(struct nbd_request);
	unsigned int whole = 0;

	while (left) {
		struct nbd_request *r = slot_request(s, s->base + whole);
		uint32_t n, done;

		if (s->have < header) {
			n = stream_take(s, (char *)r + s->have, header - s->have, left);
			s->have += n;
			left -= n;
			if (s->have < header)
				break;
			s->guess = payload_of(r);
		}
		done = s->have - header;
		n = stream_take(s, slot_payload(s, s->base + whole) + done, payload_of(r) - done,
				left);
		s->have += n;
		left -= n;
		if (s->have < header + payload_of(r))
			break;
		s->have = 0;
		whole++;
	}
	return whole;
}

static inline bool get(int fd, void *to, size_t n)
{
	return !n || recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static inline void put(int fd, const void *from, size_t n)
{
	if (send(fd, from, n, MSG_NOSIGNAL) != (ssize_t)n)
		warn("send");
}

static inline void put_option_reply(int fd, uint32_t option, uint32_t type, uint32_t length)
{
	struct { uint64_t magic; uint32_t option, type, length; } PACKED r = {
		htobe64(0x3e889045565a9), option, htobe32(type), htobe32(length),
	};

	put(fd, &r, sizeof(r));
}

/* The handshake, as far as NBD_OPT_GO: may the client go on? */
static inline bool negotiate(int fd, uint64_t bytes)
{
	const struct { uint64_t a, b; uint16_t flags; } PACKED hello = {
		htobe64(0x4e42444d41474943), htobe64(0x49484156454f5054), htobe16(3),
	};
	/* It has flags, can flush, and may have several connections. */
	const struct { uint16_t type; uint64_t bytes; uint16_t flags; } PACKED info = {
		0, htobe64(bytes), htobe16(1 | 4 | 256),
	};
	struct { uint64_t magic; uint32_t option, length; } PACKED o;
	char junk[4096];
	uint32_t flags;

	put(fd, &hello, sizeof(hello));
	if (!get(fd, &flags, sizeof(flags)))
		return false;
	while (get(fd, &o, sizeof(o))) {
		uint32_t option = be32toh(o.option), length = be32toh(o.length);

		if (length > sizeof(junk) || !get(fd, junk, length))
			return false;
		if (option == 6 || option == 7) {
			put_option_reply(fd, o.option, 3, sizeof(info));
			put(fd, &info, sizeof(info));
		}
		put_option_reply(fd, o.option, option == 6 || option == 7 || option == 2 ? 1 :
				 0x80000001, 0);
		if (option == 7 || option == 2)
			return option == 7;
	}
	return false;
}

#endif
