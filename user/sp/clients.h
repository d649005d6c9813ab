/* SPDX-License-Identifier: MIT */
/*
 * The clients that use the disk, over all network processes, and the size of the disk that they are
 * told. A disk may grow or shrink at any time: its size is looked up when a client comes, once a
 * second while there are requests, when a request fails, and before one that would not fail.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_CLIENTS_H
#define SP_CLIENTS_H

#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

struct sp;
struct sp_request;

/** sp_clients_asks() - is a request answered by sp_clients_answer()? */
static inline bool sp_clients_asks(uint16_t operation)
{
	return operation == PROTO_OPEN || operation == PROTO_CLOSE;
}

/**
 * sp_clients_answer() - count a client in or out
 * @sp: the process
 * @r: OPEN, whose length is set to the size of the disk, or CLOSE
 *
 * Return: the status of the reply.
 */
enum proto_status sp_clients_answer(struct sp *sp, struct sp_request *r);

/**
 * sp_clients_range() - can a range be served, or has the disk shrunk since its client came?
 * @sp: the process
 * @operation: what is to be done there
 * @offset: first byte
 * @length: bytes
 *
 * Return: PROTO_OK, or what the client is told.
 */
enum proto_status sp_clients_range(struct sp *sp, uint16_t operation, uint64_t offset,
				   uint64_t length);

/** sp_clients_look() - look up the size of the disk, unless that was done in this second */
void sp_clients_look(struct sp *sp);

#endif /* SP_CLIENTS_H */
