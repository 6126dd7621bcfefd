/* SPDX-License-Identifier: MIT */
/*
 * The heap model of CPython: pymalloc's arenas as containers of chunks, and what each chunk is to Python.
 *
 *   cpython_walk()   after glibc_walk(), from the image alone: blocks become rows of the same chunk table, and each row has a role (python.h)
 *   cpython_why()    how the objects of a type are reached and referred to, by name
 *
 * It finds every CPython in the process by the one name that all of them export. The chapters: layouts (what is read, by name), runtime (interpreters,
 * threads, the collector), obmalloc (arenas, pools, blocks), types, objects, sizes, claims (what objects own), referents
 * (references with
 * names), labels, paths, patterns, why, holders, freelists.
 */
#ifndef HEAPSNAP_CPYTHON_CPYTHON_H
#define HEAPSNAP_CPYTHON_CPYTHON_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/holders.h"
#include "cpython/python.h"
#include "debug/modules.h"
#include "heap/heap.h"
#include "target/target.h"

struct cpython;

/** Adds the blocks of every CPython to a walked heap, which is sealed and summed again, and tells what each chunk is to Python. No CPython is no error, and
    leaves the heap as it is; one whose objects cannot be read says why in its runtime. Owner of ret: the caller, python_deinit(). Gives what
    cpython_why() needs, which borrows all of the arguments; owner: the caller. Cost: linear in chunks. */
struct cpython *cpython_walk(struct modules *modules, const struct target *target, struct heap *heap, struct python *ret);

/** Frees it; NULL is accepted. */
void cpython_destroy(struct cpython *cpython);

/** Fills what is unreachable of a Python, and what of that is lost: objects that count more references than lead to them. `is_leaked` says of each chunk that
    nothing reaches it. Cost: linear. */
void cpython_unreachable(struct cpython *cpython, const uint8_t *is_leaked);

/** Finds who holds the objects, by names in Python. Gives nothing without one. Owner: the caller, py_holders_deinit(). Memory: 28 bytes per chunk while it works, 4 to stay. Cost: linear in
    references. */
void cpython_holders(struct cpython *cpython, struct py_holders *ret);

struct cpython_question {
	/** Types whose ways and referrers are asked for: python_choose(). Empty for all of them; NULL for none. Borrowed. */
	const char *type;
	/** Objects whose ways are asked for, ascending. Borrowed. */
	const chunk_id *objects;
	size_t n_objects;
	/** Of each chunk: nothing reaches it; NULL when that is not known. Borrowed. */
	const uint8_t *is_leaked;
};

/** Fills python.paths, vias and named. Memory: 24 bytes per chunk while it works. Cost: linear in references. */
void cpython_why(struct cpython *cpython, const struct cpython_question *question);

#endif
