/* SPDX-License-Identifier: MIT */
/*
 * What several places share nobody retains; these are the words for who leads to it all the same.
 */
#ifndef HEAPSNAP_REPORT_SHARERS_H
#define HEAPSNAP_REPORT_SHARERS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/dominators.h"
#include "graph/kinds.h"
#include "snapshot/snapshot.h"

/** What holds a chunk by itself, or else its owner, told by `is_direct_ret`; NULL when neither is known. An owner says more than a frame that has it, too, and than
    another variable that has but a pointer into its middle. Owner: the caller; unescaped. Cost: linear in roots. */
char *shared_label(const struct snapshot *snapshot, vertex_id chunk, bool *is_direct_ret);

/** How a chunk that several places share can be named: «held by g_cache», «by way of g_cache». NULL when it cannot. Owner: the caller; unescaped. */
char *holder_text(const struct snapshot *snapshot, vertex_id chunk);

/** The owners of chunks of one kind that several places share: «by way of slabclass (slabs.c:42, memcached)», «27 by way of slabclass (slabs.c:42, memcached), 2 by way of …».
    NULL when they are not known. Owner: the caller; unescaped. Cost: linear in chunks. */
char *sharers_text(const struct kinds *kinds, const struct snapshot *snapshot, vertex_id above, uint64_t key);

#endif
