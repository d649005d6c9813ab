// SPDX-License-Identifier: MIT
#include "notify.h"

#include <common/clock.h>
#include <common/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static void notify(const char *text)
{
	int ret = sd_notify(0, text);

	if (ret < 0)
		log_warn("cannot tell the service manager at %s: %s", getenv("NOTIFY_SOCKET"),
			 strerror(-ret));
}

void notify_ready(void)
{
	notify("READY=1");
}

void notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 clock_ns() / CLOCK_NS_PER_US);
	notify(text);
}

void notify_stopping(void)
{
	notify("STOPPING=1");
}
