/* SPDX-License-Identifier: MIT */
/*
 * The process that serves HTTP. It has the listening sockets and one end of a pair of sockets, by
 * which it asks its parent for the page; whoever takes it over can do nothing else. It must not
 * know where the page comes from.
 */
#ifndef METRICS_HTTP_H
#define METRICS_HTTP_H

#include <listen/socket.h>
#include <stdint.h>

struct metrics_options;

/**
 * struct http_question - asks the parent for the page
 * @number: tells it from others
 */
struct http_question {
	uint32_t number;
};

/**
 * struct http_answer - the parent's answer, which also comes to a packet that is no question
 * @number: that of the question
 * @status: 0, and a descriptor of the page comes with it; or enum query_status, and none does
 */
struct http_answer {
	uint32_t number;
	int32_t status;
};

/**
 * http_serve() - give up every right and serve, until the parent ends
 * @o: command line
 * @sockets: where to accept clients
 * @line: own end of the pair of sockets to the parent
 *
 * It logs its errors.
 *
 * Return: 0 when the parent has ended, or -errno.
 */
int http_serve(const struct metrics_options *o, const struct listen_set *sockets, int line);

#endif /* METRICS_HTTP_H */
