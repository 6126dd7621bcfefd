/* SPDX-License-Identifier: MIT */
/*
 * From modules and running functions to objects, by name. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_PATHS_H
#define HEAPSNAP_CPYTHON_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/walk.h"

/** Fills python.why; as cpython_why(). */
bool paths_find(struct py_walk *walk, const char *name, const uint8_t *is_leaked);

#endif
