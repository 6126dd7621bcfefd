/* SPDX-License-Identifier: MIT */
/*
 * What groups of chunks retain: all those of a size, of a type.
 *
 * Of two chunks of a group one of which dominates the other, the upper one has already what the lower one retains: a list of a thousand nodes retains its length once, and not half a
 * million nodes.
 */
#ifndef HEAPSNAP_GRAPH_RETAINED_H
#define HEAPSNAP_GRAPH_RETAINED_H

#include <stddef.h>
#include <stdint.h>

#include "graph/dominators.h"

/** Adds up for each of n groups what its chunks retain, into ret. `group` says for each chunk which one it is in, UINT32_MAX for none. Memory: 8 bytes per vertex while it works. Cost: linear. */
void retained_by_group(const struct dominators *dominators, const uint32_t *group, size_t n, uint64_t *ret);

#endif
