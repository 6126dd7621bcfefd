/* SPDX-License-Identifier: MIT */
/*
 * What another allocator or a managed runtime means for a report: whose memory it is, and what cannot be seen of it.
 */
#ifndef HEAPSNAP_CMD_RECOGNISE_H
#define HEAPSNAP_CMD_RECOGNISE_H

#include "debug/allocator.h"
#include "snapshot/snapshot.h"

/** The name of a managed runtime for people («JVM»), NULL for none. Borrowed: for ever. */
const char *runtime_name(enum runtime_kind runtime);

/** True when the program's memory is not glibc's, as far as files tell and the walked heap does not contradict: an interposed malloc that forwards to
    libc leaves glibc's heap in use. */
bool allocator_is_foreign(const struct allocator *allocator, const struct heap *heap);

/** Fills foreign_allocator, allocator_evidence and runtime of a snapshot whose heap is walked. */
void recognise(struct snapshot *snapshot, const struct allocator *allocator);

#endif
