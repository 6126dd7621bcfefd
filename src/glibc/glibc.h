/* SPDX-License-Identifier: MIT */
/*
 * The heap model of glibc's malloc: from files, a stop and an image to the chunk table.
 *
 *   glibc_find()      before the stop, from the modules' files alone: where main_arena and mp_ lie, how they are laid out
 *   glibc_quiesce()   in the stop window: nobody is left inside malloc
 *   glibc_walk()      afterwards, from the image alone: arenas, segments, heaps, bins, tcaches, mmapped chunks → struct heap
 *
 * A process may hold several implementations (dlmopen namespaces, libc_malloc_debug, a static copy): each is an «instance». The chapters:
 * structs (what is read of them, by name), locate (where they are), quiesce, tls (thread pointer to tcache), segments (what the
 * arenas are made of), walk (chunk by chunk), bins, tcache, mmapped, checks.
 */
#ifndef HEAPSNAP_GLIBC_GLIBC_H
#define HEAPSNAP_GLIBC_GLIBC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "debug/modules.h"
#include "heap/heap.h"
#include "target/stopped.h"
#include "target/target.h"

struct glibc;

/** Finds every glibc malloc in the process, from files alone. None is no error: glibc_count() is 0 then. The modules (and what they borrow) must
    outlive it. Owner: the caller. Cost: some ms, or 40–60 ms where libc has debug information. */
struct glibc *glibc_find(struct modules *modules);

/** Frees it; NULL is accepted. */
void glibc_destroy(struct glibc *glibc);

/** How many malloc implementations were found. */
size_t glibc_count(const struct glibc *glibc);

/** What is known of one of them before any walk: its module's path, its version as far as the file tells, and where its offsets come from. Borrowed:
    as long as the struct glibc, or for ever. */
void glibc_describe(const struct glibc *glibc, size_t index, const char **module_ret, const char **version_ret, const char **offsets_ret);

/** Forbids (false) or allows single-stepping in glibc_quiesce(); allowed at first. */
void glibc_set_stepping(struct glibc *glibc, bool allowed);

/** The quiesce step (target/stopped.h); its context is the struct glibc. Advances the threads that are inside malloc until they are out, bounded
    in steps and time; who is left is remembered, and glibc_walk() reports it. */
struct error *glibc_quiesce(struct stopped *stopped, void *glibc);

/** Walks every instance over the image of a captured target. Damage and doubt become findings and failed checks, never an error. `in_malloc_ret`
    (may be NULL) gets one flag per thread of the target: inside malloc at the copy; owner: the caller, free(). The result is summed. */
void glibc_walk(struct glibc *glibc, const struct target *target, struct heap *ret, bool **in_malloc_ret);

#endif
