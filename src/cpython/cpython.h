/* SPDX-License-Identifier: MIT */
/*
 * The heap model of CPython: pymalloc's arenas as containers of chunks, and what each chunk is to Python.
 *
 *   cpython_walk()   after glibc_walk(), from the image alone: blocks become rows of the same chunk table, and each row has a role (python.h)
 *
 * It finds every CPython in the process by the one name that all of them export. The chapters: layouts (what is read, by name), runtime (interpreters,
 * threads, the collector), obmalloc (arenas, pools, blocks), types, objects, sizes, claims (what objects own).
 */
#ifndef HEAPSNAP_CPYTHON_CPYTHON_H
#define HEAPSNAP_CPYTHON_CPYTHON_H

#include "cpython/python.h"
#include "debug/modules.h"
#include "heap/heap.h"
#include "target/target.h"

/** Adds the blocks of every CPython to a walked heap, which is sealed and summed again, and tells what each chunk is to Python. No CPython is no error, and
    leaves the heap as it is; one whose objects cannot be read says why in its runtime. Owner of ret: the caller, python_deinit(). Cost: linear in chunks. */
void cpython_walk(struct modules *modules, const struct target *target, struct heap *heap, struct python *ret);

#endif
