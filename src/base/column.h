/* SPDX-License-Identifier: MIT */
/*
 * Memory for a column: an array so large that page faults are what it costs.
 *
 * Its own mapping, on huge pages where the system gives them (a third of the cost of faulting small ones in), and growing without copying.
 * What was never written takes no memory, so a generous capacity is free. New elements are zero.
 */
#ifndef HEAPSNAP_BASE_COLUMN_H
#define HEAPSNAP_BASE_COLUMN_H

#include <stddef.h>

/** Grows a column from old_size to new_size bytes (old NULL and 0: a new one), which may move it; never returns NULL. Owner: the caller,
    column_free(). */
void *column_grow(void *old, size_t old_size, size_t new_size);

/** A column of which hardly anything will be written: on small pages, and it does not grow. Never returns NULL. Owner: the caller, column_free(). */
void *column_sparse(size_t size);

/** Gives the memory of the first size bytes back while the column stays; what is less
    than 2 MiB may be kept. They are not to be read any more. */
void column_forget(void *column, size_t size);

/** Frees a column of that size; NULL is accepted. */
void column_free(void *column, size_t size);

#endif
