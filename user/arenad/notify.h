/* SPDX-License-Identifier: MIT */
/*
 * What a service manager is told of arenad, as sd_notify(3) does it: that clients may come, that
 * files are being read again, that it stops. This header must not know what happens then.
 */
#ifndef ARENAD_NOTIFY_H
#define ARENAD_NOTIFY_H

/** notify_ready() - arenad serves, or has done what notify_reloading() has announced */
void notify_ready(void);

/** notify_reloading() - SIGHUP has come; notify_ready() has to follow, whatever happens */
void notify_reloading(void);

/** notify_stopping() - arenad has begun to stop */
void notify_stopping(void);

#endif /* ARENAD_NOTIFY_H */
