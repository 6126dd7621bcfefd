/* SPDX-License-Identifier: MIT */
/*
 * What groups of chunks retain: of a chunk below another one of its group in the tree of dominators, that one has it already.
 */
#ifndef HEAPSNAP_GRAPH_RETAINED_H
#define HEAPSNAP_GRAPH_RETAINED_H

#include <stddef.h>
#include <stdint.h>

#include "graph/dominators.h"

#define GROUP_NONE UINT32_MAX

/** The group of a chunk, below n_groups, or GROUP_NONE. */
typedef uint32_t retained_group(const void *context, chunk_id chunk);

/** Adds to ret, which has an element for each of n_groups, what each of them retains. Memory: 8 bytes per vertex while it works. Cost: linear. */
void retained_by_group(const struct dominators *dominators, retained_group *group, const void *context, size_t n_groups, uint64_t *ret);

#endif
