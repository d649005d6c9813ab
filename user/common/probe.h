/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT) at each stage of a request, for bpftrace, perf, SystemTap and others. A
 * probe is a nop until somebody attaches to it, and a note in the program that says where it is and
 * where its arguments are. The nop is always there, and so are its arguments, which must cost
 * nothing: they are fields, and tags.
 *
 * The provider is msharearena. The first two arguments of each probe name the request, in both
 * programs: the number of the network process, and the tag, see proto_tag(). The slot of the tag is
 * a number that no other request in flight of that process has.
 *
 * All probes are here, and only here, in the order in which a request comes to them:
 *
 *	arena-np	np__request, np__handed
 *	arena-sp	sp__taken, sp__begun, sp__disk, sp__disk_done, sp__replied
 *	arena-np	np__answered, np__sent
 *
 * A request may leave some out. One that needs no disk has none of the disk, and one that the
 * network process refuses has only np__sent. PROTO_OPEN and PROTO_CLOSE, which are no requests of a
 * client, have neither np__request nor np__sent. A request that is sent to the storage process once
 * more, as that one was replaced, comes to np__handed again, with the same tag.
 */
#ifndef COMMON_PROBE_H
#define COMMON_PROBE_H

#ifdef WITHOUT_SDT
#define PROBE2(name, a, b)		do { } while (0)
#define PROBE3(name, a, b, c)		do { } while (0)
#define PROBE4(name, a, b, c, d)	do { } while (0)
#define PROBE5(name, a, b, c, d, e)	do { } while (0)
#define PROBE7(name, a, b, c, d, e, f, g) do { } while (0)
#else
#include <sys/sdt.h>

#define PROBE2(name, a, b)		STAP_PROBE2(msharearena, name, a, b)
#define PROBE3(name, a, b, c)		STAP_PROBE3(msharearena, name, a, b, c)
#define PROBE4(name, a, b, c, d)	STAP_PROBE4(msharearena, name, a, b, c, d)
#define PROBE5(name, a, b, c, d, e)	STAP_PROBE5(msharearena, name, a, b, c, d, e)
#define PROBE7(name, a, b, c, d, e, f, g) STAP_PROBE7(msharearena, name, a, b, c, d, e, f, g)
#endif

/**
 * probe_np_request() - a request of a client is complete
 * @np: number of the network process
 * @tag: of the request
 * @operation: enum proto_operation
 * @offset: first byte on the disk
 * @length: bytes
 * @connection: number of the connection, as the log has it
 * @export: number of the export, which is that of its storage process, see probe_np_handed();
 *	bpftrace reads no more than six arguments
 *
 * Each piece of a request that is served in pieces is a request here.
 */
#define probe_np_request(np, tag, operation, offset, length, connection, export) \
	PROBE7(np__request, np, tag, operation, offset, length, connection, export)

/**
 * probe_np_handed() - its record is in the message that goes to the storage process now
 * @np: number of the network process
 * @tag: of the request
 * @sp: number of the storage process
 */
#define probe_np_handed(np, tag, sp)	PROBE3(np__handed, np, tag, sp)

/**
 * probe_sp_taken() - the storage process has taken it out of the message
 * @np: number of the network process
 * @tag: of the request
 * @operation: enum proto_operation
 * @offset: first byte on the disk
 * @length: bytes
 *
 * These are the words of the network process, which were not checked yet.
 */
#define probe_sp_taken(np, tag, operation, offset, length) \
	PROBE5(sp__taken, np, tag, operation, offset, length)

/**
 * probe_sp_begun() - it has its buffers, and no other request blocks its range: its work begins
 * @np: number of the network process
 * @tag: of the request
 */
#define probe_sp_begun(np, tag)		PROBE2(sp__begun, np, tag)

/**
 * probe_sp_disk() - its first operation is handed to the disk
 * @np: number of the network process
 * @tag: of the request
 *
 * A search for holes comes before it. If the ring has no room for the operation, the time until it
 * has is part of the time of the disk.
 */
#define probe_sp_disk(np, tag)		PROBE2(sp__disk, np, tag)

/**
 * probe_sp_disk_done() - the last of its operations has ended
 * @np: number of the network process
 * @tag: of the request
 */
#define probe_sp_disk_done(np, tag)	PROBE2(sp__disk_done, np, tag)

/**
 * probe_sp_replied() - its reply is in the message that goes to the network process now
 * @np: number of the network process
 * @tag: of the request
 * @status: enum proto_status
 */
#define probe_sp_replied(np, tag, status) PROBE3(sp__replied, np, tag, status)

/**
 * probe_np_answered() - the network process has its reply, and does not send the request again
 * @np: number of the network process
 * @tag: of the request
 * @sp: number of the storage process
 * @status: enum proto_status
 */
#define probe_np_answered(np, tag, sp, status) PROBE4(np__answered, np, tag, sp, status)

/**
 * probe_np_sent() - all of the reply to the client is in the batch that is sent next
 * @np: number of the network process
 * @tag: of the request
 * @status: enum proto_status
 *
 * There is one reply to all pieces of a WRITE, with the tag of the last of them to be answered. The
 * replies to a client that has gone are not sent.
 */
#define probe_np_sent(np, tag, status)	PROBE3(np__sent, np, tag, status)

#endif /* COMMON_PROBE_H */
