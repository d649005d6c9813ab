/* SPDX-License-Identifier: MIT */
/*
 * The NBD fixed newstyle handshake, from the server's greeting to the client's choice of an
 * export. A state machine of bytes in and bytes out that knows no socket:
 *
 *	negotiation_init();			out: the greeting
 *	for (;;) {
 *		send out[0..out_length);	if there is any
 *		obey the step;			the first is MORE
 *		negotiation_take();		until it says something else than WANT
 *	}
 */
#ifndef NP_NBD_NEGOTIATE_H
#define NP_NBD_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../export.h"
#include "../limits.h"

/**
 * enum negotiation_step - what follows once the output is sent
 * @NEGOTIATION_WANT: there is no output: more bytes are wanted
 * @NEGOTIATION_MORE: receive what the negotiation wants
 * @NEGOTIATION_TRANSMIT: the client chose an export: requests follow
 * @NEGOTIATION_CLOSE: close the connection
 */
enum negotiation_step {
	NEGOTIATION_WANT,
	NEGOTIATION_MORE,
	NEGOTIATION_TRANSMIT,
	NEGOTIATION_CLOSE,
};

/* What the wanted bytes are. */
enum negotiation_state {
	NEGOTIATION_FLAGS,
	NEGOTIATION_OPTION,
	NEGOTIATION_DATA,
	NEGOTIATION_SKIP,
};

/**
 * struct negotiation - one client's handshake
 * @exports: what there is to choose
 * @state: what is received next
 * @want: bytes to receive next, never 0 after NEGOTIATION_MORE
 * @have: how many of them have come
 * @is_skipping: the next bytes go nowhere, and may be more than @in holds
 * @is_without_zeroes: the client wants no padding after EXPORT_NAME
 * @option: option under way
 * @option_length: bytes of its data
 * @export: the chosen SP's id, or -1
 * @out_length: bytes of @out to send
 * @in: where to receive @want bytes
 * @out: what to send
 */
struct negotiation {
	const struct export_table *exports;
	enum negotiation_state state;
	uint32_t want;
	uint32_t have;
	bool is_skipping;
	bool is_without_zeroes;
	uint32_t option;
	uint32_t option_length;
	int export;
	size_t out_length;
	uint8_t in[NEGOTIATION_DATA_MAX];
	uint8_t out[NEGOTIATION_OUT_MAX];
};

/** negotiation_init() - begin; @exports must outlive @n */
void negotiation_init(struct negotiation *n, const struct export_table *exports);

/**
 * negotiation_take() - bytes have come, in a piece of any size
 * @n: negotiation, whose output was sent
 * @data: the bytes, which are read once; another process may be writing there
 * @size: how many
 * @step: what to do; unless it is NEGOTIATION_WANT, the output is a new one
 *
 * Return: how many of the bytes were used up. What follows them is for the next call, or,
 * after NEGOTIATION_TRANSMIT, the beginning of the client's requests.
 */
size_t negotiation_take(struct negotiation *n, const void *data, size_t size,
			enum negotiation_step *step);

#endif /* NP_NBD_NEGOTIATE_H */
