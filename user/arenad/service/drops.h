/* SPDX-License-Identifier: MIT */
/*
 * What arenad tells of its peers, and of whom it keeps away, as the interface has it. This header
 * must not know who asks.
 */
#ifndef ARENAD_SERVICE_DROPS_H
#define ARENAD_SERVICE_DROPS_H

#include <systemd/sd-json.h>

struct peers;

/*
 * Each call writes to @out, to be freed with sd_json_variant_unref() also if the call fails.
 * Return: 0 or -errno.
 */

/** drops_count() - dropped packets by reason; NULL if there is no filter */
int drops_count(const struct peers *p, struct sd_json_variant **out);

/** drops_networks() - an array of the networks of peers */
int drops_networks(const struct peers *p, struct sd_json_variant **out);

/** drops_refused() - an array of sources that were refused lately */
int drops_refused(const struct peers *p, struct sd_json_variant **out);

#endif /* ARENAD_SERVICE_DROPS_H */
