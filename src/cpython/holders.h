/* SPDX-License-Identifier: MIT */
/*
 * Holders: the one thing with a name that each object is put down to: «__main__.cache», «app.server.sessions», «work() (app.py:12) local rows».
 *
 * That is where the shortest way to it (paths.h) leaves what is written down in a program: modules, their attributes, and attributes of these, as long as each is
 * an object that keeps others. Functions, classes and plain values belong to the module that they are in.
 */
#ifndef HEAPSNAP_CPYTHON_HOLDERS_H
#define HEAPSNAP_CPYTHON_HOLDERS_H

#include <stdint.h>

#include "base/names.h"

struct py_walk;

struct py_holders {
	/** For each chunk 1 + the number of its holder, 0 for what is no object, and for one that has none. NULL without a Python. */
	uint32_t *of;
	size_t n_chunks;
	struct names names;
};

/** Adds those of one walk. Memory: 28 bytes per chunk while it works. Cost: linear in references. Private to cpython/. */
void holders_find(struct py_walk *walk, struct py_holders *holders);

/** Frees them; an initialiser of zeroes is accepted. */
void py_holders_deinit(struct py_holders *holders);

#endif
