/* SPDX-License-Identifier: MIT */
/*
 * The Varlink interface of arenad, as clients may ask for it. Its symbols only grow: methods and
 * fields are added, and none changes its meaning.
 */
#ifndef ARENAD_SERVICE_INTERFACE_H
#define ARENAD_SERVICE_INTERFACE_H

#include <systemd/sd-varlink.h>

#define SERVICE_INTERFACE	"org.msharearena.Arenad"

/* The socket in the runtime folder has the name of the region, and this. */
#define SERVICE_ENDING		".varlink"

/* What was asked for was not done; the error says why. */
#define SERVICE_ERROR_FAILED	SERVICE_INTERFACE ".Failed"

extern const sd_varlink_interface vl_interface_arenad;

#endif /* ARENAD_SERVICE_INTERFACE_H */
