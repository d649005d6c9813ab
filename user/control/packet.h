/* SPDX-License-Identifier: MIT */
/*
 * Packets between two processes, each with one descriptor or none: a pair of SOCK_SEQPACKET
 * sockets. No call waits. This header must not know what the packets or the descriptors are.
 */
#ifndef CONTROL_PACKET_H
#define CONTROL_PACKET_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/**
 * packet_open() - make a pair of sockets
 * @ends: filled; both are closed by an exec
 *
 * Return: 0 or -errno.
 */
int packet_open(int ends[2]);

/**
 * packet_send() - send a packet
 * @fd: own end
 * @part: its bytes, which are only read
 * @n: entries of @part
 * @passed: descriptor that the other process gets a copy of, or -1
 *
 * Return: 0; -EAGAIN if the other process has left too much unread, or if the kernel is short of
 * memory; -EPIPE if it has ended; another -errno.
 */
int packet_send(int fd, struct iovec *part, size_t n, int passed);

/**
 * packet_receive() - receive a packet
 * @fd: own end
 * @to: filled
 * @room: its bytes
 * @passed: filled with the descriptor, close-on-exec, which belongs to the caller; or with -1
 *
 * Return: how many bytes it has; -EAGAIN if there is none; -EPIPE if the other end is closed and
 * all was received; -EPROTO for a packet that has more bytes, or more descriptors than one, and is
 * dropped; another -errno.
 */
ssize_t packet_receive(int fd, void *to, size_t room, int *passed);

/**
 * packet_await() - wait for a packet, or for the end
 * @fd: own end
 * @timeout_ms: for how long
 *
 * Return: 0; -ETIMEDOUT; -EINTR; another -errno.
 */
int packet_await(int fd, int timeout_ms);

#endif /* CONTROL_PACKET_H */
