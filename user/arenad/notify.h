/* SPDX-License-Identifier: MIT */
/*
 * What a service manager is told of arenad, as sd_notify(3) does it: that clients may come, that
 * files are being read again, that it stops, and from time to time that it does not hang, if the
 * manager has asked for that as sd_watchdog_enabled(3) says. This header must not know what happens
 * then.
 */
#ifndef ARENAD_NOTIFY_H
#define ARENAD_NOTIFY_H

/**
 * notify_ready() - arenad serves, or has done what notify_reloading() has announced
 * @error: what was wrong then, which `systemctl status` shows, as the manager knows no reload that
 *	fails; "" if all went well
 */
void notify_ready(const char *error);

/** notify_reloading() - SIGHUP has come; notify_ready() has to follow, whatever happens */
void notify_reloading(void);

/** notify_stopping() - arenad has begun to stop */
void notify_stopping(void);

/** notify_alive() - tell that arenad does not hang, if that is due; called in each turn */
void notify_alive(void);

/** notify_alive_ms() - milliseconds until it is due; -1 if it never is */
int notify_alive_ms(void);

#endif /* ARENAD_NOTIFY_H */
