/* SPDX-License-Identifier: MIT */
/*
 * The use of a disk by a connection: its SP is asked before the client is told that it may begin,
 * and is told when the connection has ended. So the SP, which alone sees the clients of all network
 * processes, counts them, and says how large the disk is now.
 *
 * This header must not know of NBD.
 */
#ifndef NP_USE_H
#define NP_USE_H

#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct request;

/**
 * use_begin() - ask the SP whether a connection in its handshake may use its disk
 * @c: connection, which has no request
 * @sp: number of the SP
 * @is_looking: the connection only asks how large the disk is
 *
 * handshake_opened() gets the answer, unless the connection has ended before.
 *
 * Return: false if the SP cannot be asked, or has not answered others for some time.
 */
bool use_begin(struct conn *c, unsigned int sp, bool is_looking);

/**
 * use_end() - tell the SP that a connection uses its disk no more
 * @c: dead connection without a request
 *
 * Return: true if the connection has to wait for the SP's answer.
 */
bool use_end(struct conn *c);

/** use_forget() - a request is taken back before the SP has got it; others may be given, too */
void use_forget(const struct request *r);

/** use_answered() - the SP has answered, or does not any more; the request is freed */
void use_answered(struct request *r, enum proto_status status, uint64_t bytes);

#endif /* NP_USE_H */
