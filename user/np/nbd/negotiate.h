/* SPDX-License-Identifier: MIT */
/*
 * The NBD fixed newstyle handshake, from the server's greeting to the client's choice of an export.
 * It is a state machine that takes bytes and gives bytes, and knows no socket and no SP:
 *
 *	negotiation_init();			out: the greeting
 *	for (;;) {
 *		send out[0..out_length);	if there is any, again while negotiation_refill()
 *		follow the step;		the first one is MORE
 *		negotiation_take();		until the step is another one than WANT
 *	}
 */
#ifndef NP_NBD_NEGOTIATE_H
#define NP_NBD_NEGOTIATE_H

#include <proto/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../export.h"
#include "../limits.h"
#include "session.h"

/**
 * enum negotiation_step - what follows once the output is sent
 * @NEGOTIATION_WANT: there is no output; receive more bytes
 * @NEGOTIATION_MORE: receive the bytes that the negotiation wants
 * @NEGOTIATION_OPEN: there is no output; ask the SP of the export, then call negotiation_opened()
 * @NEGOTIATION_TRANSMIT: the client chose an export: requests follow
 * @NEGOTIATION_STARTTLS: begin TLS, then call negotiation_secured() and receive more bytes
 * @NEGOTIATION_CLOSE: close the connection
 */
enum negotiation_step {
	NEGOTIATION_WANT,
	NEGOTIATION_MORE,
	NEGOTIATION_OPEN,
	NEGOTIATION_TRANSMIT,
	NEGOTIATION_STARTTLS,
	NEGOTIATION_CLOSE,
};

/**
 * enum negotiation_tls - may a client begin TLS?
 * @NEGOTIATION_TLS_OFF: it may not
 * @NEGOTIATION_TLS_ALLOW: it may
 * @NEGOTIATION_TLS_REQUIRE: it must, before anything else
 */
enum negotiation_tls {
	NEGOTIATION_TLS_OFF,
	NEGOTIATION_TLS_ALLOW,
	NEGOTIATION_TLS_REQUIRE,
};

/* The meaning of the wanted bytes. */
enum negotiation_state {
	NEGOTIATION_FLAGS,
	NEGOTIATION_OPTION,
	NEGOTIATION_DATA,
	NEGOTIATION_SKIP,
};

/**
 * struct negotiation - one client's handshake
 * @exports: the exports that the client can choose from
 * @state: the meaning of the bytes that are received next
 * @want: bytes to receive next, never 0 after NEGOTIATION_MORE
 * @have: how many of them have come
 * @is_skipping: the next bytes are thrown away, and may be more than @in holds
 * @is_without_zeroes: the client wants no padding after EXPORT_NAME
 * @tls: whether the client may begin TLS; set by the caller after negotiation_init()
 * @is_secured: TLS has begun
 * @allowed: a bit for each export that the client may use; the others do not exist for it. Set by
 *	the caller after negotiation_init() and before negotiation_secured()
 * @denied: the export that the last option names although the client may not use it; or -1
 * @option: the option that is being received
 * @option_length: bytes of its data
 * @session: what was agreed on so far; its has_allocation and bytes are right after
 *	NEGOTIATION_TRANSMIT
 * @context_export: the export for which base:allocation was chosen last, or -1
 * @export: after NEGOTIATION_OPEN and NEGOTIATION_TRANSMIT: the chosen SP's id; else -1
 * @is_looking: NEGOTIATION_OPEN: the client only asks, and does not use the export yet
 * @infos: NEGOTIATION_OPEN: a bit for each kind of information that the client asks for
 * @is_listing: a LIST has not been answered completely
 * @listed: then the export that is listed next
 * @why: why the last option was refused, or the connection is closed; or NULL
 * @asked: the name of the export that was asked for, of @asked_length bytes; or NULL
 * @asked_length: as above
 * @out_length: bytes of @out to send
 * @in: collects @want bytes
 * @out: the output
 */
struct negotiation {
	const struct export_table *exports;
	enum negotiation_state state;
	uint32_t want;
	uint32_t have;
	bool is_skipping;
	bool is_without_zeroes;
	enum negotiation_tls tls;
	bool is_secured;
	uint32_t allowed;
	int denied;
	uint32_t option;
	uint32_t option_length;
	struct nbd_session session;
	int context_export;
	int export;
	bool is_looking;
	unsigned int infos;
	bool is_listing;
	unsigned int listed;
	const char *why;
	const uint8_t *asked;
	uint32_t asked_length;
	size_t out_length;
	uint8_t in[NEGOTIATION_DATA_MAX];
	uint8_t out[NEGOTIATION_OUT_MAX];
};

/**
 * negotiation_init() - begin with the greeting as output; @exports must outlive @n
 *
 * The client may use all exports unless the caller restricts them.
 */
void negotiation_init(struct negotiation *n, const struct export_table *exports);

/**
 * negotiation_refill() - get more output for the same option, when the output was sent
 *
 * Return: false if there is none. Otherwise the step stays as it is until that is sent, too.
 */
bool negotiation_refill(struct negotiation *n);

/**
 * negotiation_secured() - continue after NEGOTIATION_STARTTLS
 *
 * What was agreed on before is void, since anybody could have said it.
 */
void negotiation_secured(struct negotiation *n);

/**
 * negotiation_opened() - continue after NEGOTIATION_OPEN
 * @n: the negotiation
 * @status: what the SP answers, or PROTO_EIO if there is none
 * @bytes: size of the disk, if the status is PROTO_OK
 *
 * Return: what to do next; there is new output.
 */
enum negotiation_step negotiation_opened(struct negotiation *n, enum proto_status status,
					 uint64_t bytes);

/**
 * negotiation_take() - use bytes that have come, in a piece of any size
 * @n: the negotiation, whose last output was sent
 * @data: the bytes, which are read once; another process may be writing there
 * @size: how many
 * @step: what to do next; unless it is NEGOTIATION_WANT, there is new output
 *
 * Return: how many of the bytes were used up. What follows them is for the next call, or,
 * after NEGOTIATION_TRANSMIT, the beginning of the client's requests.
 */
size_t negotiation_take(struct negotiation *n, const void *data, size_t size,
			enum negotiation_step *step);

#endif /* NP_NBD_NEGOTIATE_H */
