/* SPDX-License-Identifier: MIT */
/*
 * The methods of the interface. This header must not know of connections.
 */
#ifndef ARENAD_SERVICE_METHODS_H
#define ARENAD_SERVICE_METHODS_H

#include <arenad/service.h>
#include <stdbool.h>
#include <systemd/sd-varlink.h>

/**
 * struct service_caller - the user data of a connection
 * @crew: the processes
 * @instance: tells this program from others that arenad executes
 * @wish: what it has called for, and has no answer to yet
 * @is_taken: @wish was returned by service_take()
 */
struct service_caller {
	struct crew *crew;
	const char *instance;
	enum service_wish wish;
	bool is_taken;
};

/** methods_bind() - have a server answer the calls of the interface; 0 or -errno */
int methods_bind(struct sd_varlink_server *server);

#endif /* ARENAD_SERVICE_METHODS_H */
