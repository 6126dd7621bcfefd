/* SPDX-License-Identifier: MIT */
/*
 * What places and roots are called in reports: «server.db[0] (server.c:72, redis-server)», «session in worker_main (io.c:88), thread 4712 (io)».
 */
#ifndef HEAPSNAP_REPORT_PLACE_LABEL_H
#define HEAPSNAP_REPORT_PLACE_LABEL_H

#include "graph/owners.h"
#include "graph/roots.h"

/** The name of a place. PLACE_NONE is the process. Owner: the caller; unescaped. */
char *place_label(const struct roots *roots, place_id place);

/** The name of a root: its place, and what lies there by path or offset. Owner: the caller; unescaped. */
char *root_label(const struct roots *roots, const struct root *root);

/** The name of an owner, where it is written down, and its thread. Owner: the caller; unescaped. */
char *owner_label(const struct roots *roots, const struct owner *owner);
/** The same for all roots of its place that differ in the indices of arrays alone: «slabclass[].slots (slabs.c:42, memcached)»; without a path, the place. Owner: the caller; unescaped. */
char *root_kind_label(const struct roots *roots, const struct root *root);

#endif
