// SPDX-License-Identifier: MIT
/*
 * Goal: requests of two network processes begin in the order in which they were complete, whichever
 * mailbox the storage process looks into first, and a network process that gives its requests times
 * that are still to come holds up nobody, nor itself.
 * Method: this program is both NPs of one arena-sp. It stops the SP, sends the newer write by one
 * of the two NPs and then the older one by the other, and lets the SP go on.
 *
 *	sp-turns ARENA_SP DISK LOG
 */
#include "sp-two.h"

#define HOUR_NS	(3600ULL * CLOCK_NS_PER_S)

/* The newer write lies in the mailbox of NP @newer, and the older one comes after it. */
static void test_order(unsigned int newer, unsigned int block)
{
	/* Both clients are there all the time. */
	uint64_t now = clock_boot_ns(), alive = now + HOUR_NS;
	int status;

	kill(sp_pid, SIGSTOP);
	waitpid(sp_pid, &status, WUNTRACED);
	write_by(newer, block, 'n', (struct two_times){ now + 1000, alive });
	write_by(!newer, block, 'o', (struct two_times){ now, alive });
	kill(sp_pid, SIGCONT);
	is(status_by(newer), PROTO_OK, "the newer write, by NP %u, is done", newer);
	is(status_by(!newer), PROTO_OK, "the older write, by NP %u, is done", !newer);
	is(content(block), 'n', "the newer write by NP %u is left, though the older came last",
	   newer);
}

static void test_future(void)
{
	write_by(0, 9, 'f', (struct two_times){ .received_ns = clock_boot_ns() + HOUR_NS });
	is(status_by(0), PROTO_OK, "a write whose time is still to come is done now");
	write_by(1, 9, 'g', (struct two_times){ 0 });
	is(status_by(1), PROTO_OK, "a write of another NP does not wait for that time");
	is(content(9), 'g', "a time that is still to come counts as the time of arrival");
}

int main(int argc, char **argv)
{
	two_main(argc, argv);
	test_order(0, 1);
	test_order(1, 2);
	test_future();
	return two_end();
}
