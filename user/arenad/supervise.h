/* SPDX-License-Identifier: MIT */
/*
 * Starting, watching and stopping the processes of a region.
 */
#ifndef ARENAD_SUPERVISE_H
#define ARENAD_SUPERVISE_H

#include "options.h"

/**
 * arenad_supervise_hold_signals() - keep SIGTERM and its like for arenad_supervise()
 *
 * To be called before there is anything that has to be removed again.
 */
void arenad_supervise_hold_signals(void);

/** arenad_supervise() - run the processes until told to stop or one dies */
enum arenad_exit arenad_supervise(const struct arenad_options *o);

#endif /* ARENAD_SUPERVISE_H */
