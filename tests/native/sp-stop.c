// SPDX-License-Identifier: MIT
/*
 * Goal: a storage process that has to write very many zeroes itself ends soon after SIGTERM: it
 * leaves the rest, and says so to its network process.
 * Method: this program is the NP of one arena-sp. It asks for zeroes on the whole DISK, which is so
 * slow that they cannot all be written before SIGTERM comes.
 *
 *	sp-stop ARENA_SP DISK LOG
 */
#include "sp-peer.h"

/* The SP's disk, as its HELLO describes it. */
static struct proto_disk disk;

static void start(void)
{
	struct arena_msg m = sp_connect();

	if (proto_disk_receive(&disk, arena_layout_buffer(base, &layout, m.ref.group,
							  m.ref.index)))
		bail("the storage process describes no disk");
	give_back(m.ref);
}

int main(int argc, char **argv)
{
	struct proto_reply reply;
	struct request zeroes, flush;

	if (argc != 4)
		bail("usage: sp-stop ARENA_SP DISK LOG");
	program = argv[1];
	disk_path = argv[2];
	log_path = argv[3];
	region_make();
	start();
	zeroes = make(0, PROTO_WRITE_ZEROES, 0, 1);
	zeroes.shared->length = disk.bytes;
	flush = make(1, PROTO_FLUSH, 0, 0);
	send_request(&zeroes);
	send_request(&flush);
	reply = receive_reply();
	ok(answers(&flush, &reply) && !reply.status,
	   "the SP answers a flush while it writes zeroes");
	kill(sp_pid, SIGTERM);
	reply = receive_reply();
	ok(answers(&zeroes, &reply) && reply.status == PROTO_ESHUTDOWN,
	   "after SIGTERM the SP answers ESHUTDOWN to the long write of zeroes");
	is(sp_wait(), 0, "the SP ends with status 0 after SIGTERM while it writes zeroes");
	arena_close(arena);
	mshare_close(region);
	return done_testing();
}
