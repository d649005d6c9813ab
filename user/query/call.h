/* SPDX-License-Identifier: MIT */
/*
 * Calls of arenad's Varlink service. Errors are written to standard error, for people. This header
 * must not know what is asked.
 */
#ifndef QUERY_CALL_H
#define QUERY_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-varlink.h>

/**
 * enum query_status - what became of a question, and the exit status of a program that has asked
 *	it, beside OPTIONS_EXIT_USAGE
 * @QUERY_OK: it was done
 * @QUERY_FAILED: it was not done
 * @QUERY_NO_ARENAD: no arenad answers
 * @QUERY_DENIED: the user may not do that
 */
enum query_status {
	QUERY_OK = 0,
	QUERY_FAILED = 1,
	QUERY_NO_ARENAD = 3,
	QUERY_DENIED = 4,
};

/**
 * struct query_target - the arenad that is asked
 * @region: name of its region; NULL for the only one
 * @runtime_dir: its folder, or NULL
 * @timeout_seconds: how long it may take
 */
struct query_target {
	const char *region;
	const char *runtime_dir;
	uint32_t timeout_seconds;
};

/**
 * call_open() - connect to arenad
 * @t: which one
 * @is_quiet: write no error
 * @link: the connection, to be closed with sd_varlink_close_unref(); NULL if there is none
 *
 * If arenad runs and does not listen, as while it is replaced, it waits for some seconds.
 */
enum query_status call_open(const struct query_target *t, bool is_quiet,
			    struct sd_varlink **link);

/** call_open_now() - call_open() for those who try again themselves: quiet, and without a wait */
enum query_status call_open_now(const struct query_target *t, struct sd_varlink **link);

/**
 * call_open_to_change() - call_open() for a call that must not be sent twice
 *
 * That arenad has just answered, so it is most unlikely that it is replaced before it has got the
 * next call.
 */
enum query_status call_open_to_change(const struct query_target *t, bool is_quiet,
				      struct sd_varlink **link);

/**
 * call_method() - call a method that changes something; it is sent once
 * @t: the arenad that @link is connected to
 * @link: the connection
 * @method: its name in the interface
 * @parameters: an object, or NULL if it has none
 * @is_quiet: write no error
 * @reply: the answer, which belongs to @link; or NULL
 */
enum query_status call_method(const struct query_target *t, struct sd_varlink *link,
			      const char *method, struct sd_json_variant *parameters, bool is_quiet,
			      struct sd_json_variant **reply);

/**
 * call_once() - call a method once, for those who know what the end of the connection means
 * @t: the arenad that @link is connected to
 * @link: the connection
 * @method: its name in the interface
 * @was_cut_off: set to whether the connection has ended before the answer; that fails, and no error
 *	is written
 * @reply: the answer, which belongs to @link
 */
enum query_status call_once(const struct query_target *t, struct sd_varlink *link,
			    const char *method, bool *was_cut_off, struct sd_json_variant **reply);

/**
 * call_to_read() - call a method that changes nothing
 * @t: the arenad that @link is connected to
 * @link: the connection, which another one replaces if it ends before the answer
 * @method: its name in the interface
 * @is_quiet: write no error
 * @reply: the answer, which belongs to @link
 */
enum query_status call_to_read(const struct query_target *t, struct sd_varlink **link,
			       const char *method, bool is_quiet, struct sd_json_variant **reply);

/**
 * call_if_known() - call_to_read() of a method that an arenad of an earlier version need not have
 * @t: the arenad that @link is connected to
 * @link: the connection, which another one replaces if it ends before the answer
 * @method: its name in the interface
 * @is_quiet: write no error
 * @reply: the answer, which belongs to @link; NULL if arenad does not know the method
 */
enum query_status call_if_known(const struct query_target *t, struct sd_varlink **link,
				const char *method, bool is_quiet, struct sd_json_variant **reply);

#endif /* QUERY_CALL_H */
