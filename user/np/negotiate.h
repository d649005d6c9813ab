/* SPDX-License-Identifier: MIT */
/*
 * The NBD fixed newstyle handshake, from the server's greeting to the client's
 * choice of an export. A state machine of bytes in and bytes out that knows no
 * socket:
 *
 *	negotiation_init();			out: the greeting
 *	for (;;) {
 *		send out[0..out_length);	if there is any
 *		obey the step;			the first is MORE
 *		receive want bytes into in;	or throw them away if is_skipping
 *		step = negotiation_input();
 *	}
 */
#ifndef NP_NEGOTIATE_H
#define NP_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "limits.h"

/**
 * enum negotiation_step - what follows once the output is sent
 * @NEGOTIATION_MORE: receive what the negotiation wants
 * @NEGOTIATION_TRANSMIT: the client chose an export: requests follow
 * @NEGOTIATION_CLOSE: close the connection
 */
enum negotiation_step {
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
 * negotiation_input() - the wanted bytes are in place (or were thrown away)
 *
 * Replaces the output: the former one must have been sent.
 */
enum negotiation_step negotiation_input(struct negotiation *n);

#endif /* NP_NEGOTIATE_H */
