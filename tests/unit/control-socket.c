// SPDX-License-Identifier: MIT
/*
 * Goal: messages of the control socket come with the descriptor that was sent, neither end ever
 * waits, and what is no message of this version is dropped without a trace.
 * Method: both ends in one thread, where whoever waited would wait for ever.
 */
#define _GNU_SOURCE
#include <control/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

#define MANY	100000

static int ends[2];

static const struct control_message tls = { .type = CONTROL_TLS };

static int open_files(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void test_messages(void)
{
	const struct control_message peer = { .type = CONTROL_PEER, .role = 0x10003, .epoch = 7,
					       .token = 0x123456789abcdef0 };
	int memfd = memfd_create("test", MFD_CLOEXEC), fd;
	struct control_message m;
	char text[4] = "";

	is(control_socket_receive(ends[1], &m, &fd), -EAGAIN,
	   "a process that has no message does not wait");
	if (write(memfd, "abc", 3) != 3)
		bail("no memfd");
	is(control_socket_send(ends[0], &tls, memfd), 0, "a message with a memfd is sent");
	is(control_socket_receive(ends[1], &m, &fd), 0, "it is received");
	is(m.type, CONTROL_TLS, "its kind is what was sent");
	ok(fd >= 0 && pread(fd, text, 3, 0) == 3 && !strcmp(text, "abc"),
	   "its descriptor is the memfd");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "the descriptor is closed by an exec");
	close(fd);
	close(memfd);
	is(control_socket_send(ends[0], &peer, -1), 0,
	   "a message about a peer, without a descriptor, is sent");
	is(control_socket_receive(ends[1], &m, &fd), 0, "that is received, too");
	is(fd, -1, "it has no descriptor");
	ok(m.type == CONTROL_PEER && m.role == peer.role && m.epoch == peer.epoch &&
	   m.token == peer.token,
	   "it has the role of the peer and the epoch");
}

static void test_nonsense(void)
{
	struct control_message wrong = { .version = CONTROL_VERSION + 1, .type = CONTROL_TLS };
	char more[sizeof(wrong) + 1] = { CONTROL_VERSION };
	struct control_message m;
	int fd;

	is(send(ends[0], &wrong, sizeof(wrong), 0), sizeof(wrong), "another version is sent");
	is(control_socket_receive(ends[1], &m, &fd), -EPROTO, "another version is dropped");
	is(send(ends[0], more, sizeof(more), 0), sizeof(more),
	   "a message that is too long is sent");
	is(control_socket_receive(ends[1], &m, &fd), -EPROTO,
	   "a message that is too long is dropped");
	is(send(ends[0], more, 3, 0), 3, "a message that is too short is sent");
	is(control_socket_receive(ends[1], &m, &fd), -EPROTO,
	   "a message that is too short is dropped");
	is(control_socket_receive(ends[1], &m, &fd), -EAGAIN,
	   "nothing is left of the messages that were dropped");
}

/* Three descriptors in one message, as nothing in this tree sends them. */
static void test_descriptors(void)
{
	struct control_message m = { .version = CONTROL_VERSION, .type = CONTROL_TLS };
	struct iovec part = { .iov_base = &m, .iov_len = sizeof(m) };
	char room[CMSG_SPACE(3 * sizeof(int))] = { 0 };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	const int many[3] = { 0, 1, 2 };
	int fd, before = open_files();
	struct control_message got;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(many));
	memcpy(CMSG_DATA(c), many, sizeof(many));
	is(sendmsg(ends[0], &h, 0), sizeof(m), "a message with three descriptors is sent");
	is(control_socket_receive(ends[1], &got, &fd), -EPROTO, "it is dropped");
	is(open_files(), before, "none of its descriptors stays open");
}

static void test_bounds(void)
{
	int fd, ret = 0, sent, received = 0;
	struct control_message m;

	for (sent = 0; sent < MANY; sent++) {
		ret = control_socket_send(ends[0], &tls, STDIN_FILENO);
		if (ret)
			break;
	}
	is(ret, -EAGAIN, "arenad does not wait for a process that reads nothing");
	while (!control_socket_receive(ends[1], &m, &fd)) {
		received++;
		close(fd);
	}
	is(received, sent, "everything that was sent is received");
	is(control_socket_send(ends[0], &tls, -1), 0, "there is room again then");
	close(ends[0]);
	is(control_socket_receive(ends[1], &m, &fd), 0, "it is received after arenad's end");
	is(control_socket_receive(ends[1], &m, &fd), -EPIPE, "then comes the end");
}

int main(void)
{
	if (control_socket_open(ends))
		bail("no socket");
	test_messages();
	test_nonsense();
	test_descriptors();
	test_bounds();
	close(ends[1]);
	if (control_socket_open(ends))
		bail("no socket");
	close(ends[1]);
	is(control_socket_send(ends[0], &tls, -1), -EPIPE,
	   "arenad is told that a process has ended");
	close(ends[0]);
	return done_testing();
}
