/* SPDX-License-Identifier: MIT */
/*
 * The command line of arena-sp.
 */
#ifndef SP_OPTIONS_H
#define SP_OPTIONS_H

struct sp_options;

/**
 * sp_options_parse() - read the command line
 *
 * The call returns only if the process is to continue, see options_parse().
 */
void sp_options_parse(struct sp_options *o, int argc, char **argv);

#endif /* SP_OPTIONS_H */
