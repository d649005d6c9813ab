/* SPDX-License-Identifier: MIT */
/* The kernel's module, loaded as modprobe(8) does it: this alone knows libkmod. */
#ifndef ARENAD_MODULE_H
#define ARENAD_MODULE_H

/**
 * module_load() - load msharearena, unless it is loaded or built in, with what it depends on
 *
 * Parameters are those of modprobe.d(5). What went wrong is logged, with what can be done.
 *
 * Return: 0, or -errno.
 */
int module_load(void);

#endif /* ARENAD_MODULE_H */
