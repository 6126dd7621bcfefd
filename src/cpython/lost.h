/* SPDX-License-Identifier: MIT */
/*
 * References that nobody holds. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_LOST_H
#define HEAPSNAP_CPYTHON_LOST_H

#include <stdint.h>

#include "cpython/walk.h"

/** Finds, among the objects that nothing reaches, those that count more references than lead to them; adds them to their classes. */
void lost_find(struct py_walk *walk, const uint8_t *is_leaked);

#endif
