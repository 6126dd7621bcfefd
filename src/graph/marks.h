/* SPDX-License-Identifier: MIT */
/*
 * Marks: only whether chunks are reachable, without any edges: in a third of the memory, for who does not ask how.
 */
#ifndef HEAPSNAP_GRAPH_MARKS_H
#define HEAPSNAP_GRAPH_MARKS_H

#include <stdint.h>

#include "graph/edges.h"
#include "graph/reach.h"
#include "graph/roots.h"

/** As reach_compute(), but possible chunks are reachable, and all that is leaked is direct, with no leaks to tell it by. Gives how many bytes of reachable chunks are not in
    the image. Owner of ret: the caller, reach_deinit(). Memory: 1 byte per chunk, and while it works what is met and not yet looked at. Cost: linear in the bytes of all
    that is reachable. */
uint64_t reach_mark(const struct chunks *chunks, const struct image *image, const struct edge_options *options, const struct roots *roots, struct reach *ret);

#endif
