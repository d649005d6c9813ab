/* SPDX-License-Identifier: MIT */
/*
 * Adoption: what an earlier arenad has left becomes this one's. Its descriptors are taken from the
 * keeper, its region is opened, and the numbers in the state become those of this process. This
 * header must not know how the processes are watched.
 */
#ifndef ARENAD_ADOPT_H
#define ARENAD_ADOPT_H

#include <arena/layout.h>
#include <listen/socket.h>
#include <mshare.h>

struct arenad_options;
struct crew;
struct keep;
struct reload;
struct state;

/**
 * adopt_descriptors() - take all descriptors from the keeper
 * @s: state as it was read; its descriptors are those of this process afterwards
 *
 * It logs its errors, and says that the processes go on without an arenad then.
 *
 * Return: 0 or -errno.
 */
int adopt_descriptors(struct state *s);

/**
 * adopt_region() - open the region of the processes
 * @o: command line
 * @s: state, after adopt_descriptors()
 * @l: filled with the layout
 * @out: the region
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int adopt_region(const struct arenad_options *o, const struct state *s, struct arena_layout *l,
		 struct mshare **out);

/**
 * adopt_try() - could this process adopt what the state tells of?
 * @o: command line
 * @s: state as it was read; its descriptors are copies for this process afterwards
 * @l: filled with the layout
 *
 * It takes what adopt_descriptors() and adopt_region() take, and looks whether that is what it
 * should be. Nobody else notices. It logs its errors, and what could be adopted.
 *
 * Return: 0 or -errno.
 */
int adopt_try(const struct arenad_options *o, struct state *s, struct arena_layout *l);

/** adopt_crew() - fill in the processes; @c has @options, @cpus, @reload and @keep */
void adopt_crew(struct crew *c, const struct state *s);

#endif /* ARENAD_ADOPT_H */
