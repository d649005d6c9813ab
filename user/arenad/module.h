/* SPDX-License-Identifier: MIT */
/* The kernel's module, loaded as modprobe(8) does it: this alone knows libkmod. */
#ifndef ARENAD_MODULE_H
#define ARENAD_MODULE_H

/**
 * module_load() - load msharearena, unless it is loaded or built in, with what it depends on
 *
 * The module gets its parameters from modprobe.d(5). An error is logged, and how to mend it.
 *
 * Return: 0, or -errno.
 */
int module_load(void);

#endif /* ARENAD_MODULE_H */
