/* SPDX-License-Identifier: MIT */
/*
 * What of Python's nothing reaches, and why its objects are there: for a command's question, or for those that a snapshot file may be asked.
 */
#ifndef HEAPSNAP_CMD_PYTHON_WAYS_H
#define HEAPSNAP_CMD_PYTHON_WAYS_H

#include "cpython/cpython.h"
#include "snapshot/snapshot.h"

/** Fills these tables of snapshot.python; the graph is built. `type` as in struct cpython_question; `object` a chunk whose way is asked for, or CHUNK_NONE. With
    dominators, the objects that retain most get their ways, too. Without a Python it does nothing. Cost: linear in references where there is a question, else in chunks. */
void python_ways_find(struct snapshot *snapshot, struct cpython *cpython, const char *type, chunk_id object);

#endif
