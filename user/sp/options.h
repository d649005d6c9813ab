/* SPDX-License-Identifier: MIT */
#ifndef SP_OPTIONS_H
#define SP_OPTIONS_H

struct sp_options;

/**
 * sp_options_parse() - read the command line
 *
 * Return: -1 to go on, or a status to exit with: what there was to say has
 * been said.
 */
int sp_options_parse(struct sp_options *o, int argc, char **argv);

#endif /* SP_OPTIONS_H */
