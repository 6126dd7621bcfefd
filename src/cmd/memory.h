/* SPDX-License-Identifier: MIT */
/*
 * What the target's mappings are for: the account of the whole process, beside malloc's own.
 *
 * A mapping may serve several: the kernel merges neighbours, so a chunk that is a mapping of its own can share one with a thread's
 * stack. Address space is divided exactly; resident bytes are known for a mapping as a whole and divided as its touched bytes are.
 */
#ifndef HEAPSNAP_CMD_MEMORY_H
#define HEAPSNAP_CMD_MEMORY_H

#include "snapshot/snapshot.h"
#include "target/target.h"

/** Fills memory and trimmable_resident of a snapshot whose heap is walked. Cost: linear in mappings and sources, one pass over the chunk
    kinds and one over the chunks. */
void memory_account(const struct target *target, struct snapshot *snapshot);

#endif
