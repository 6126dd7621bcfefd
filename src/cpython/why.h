/* SPDX-License-Identifier: MIT */
/*
 * The answers to why objects are there. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_WHY_H
#define HEAPSNAP_CPYTHON_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/cpython.h"
#include "cpython/walk.h"

/** Adds the answers for one walk to its python, as cpython_why(). */
void why_find(struct py_walk *walk, const struct cpython_question *question);

#endif
