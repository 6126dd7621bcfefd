/* SPDX-License-Identifier: MIT */
/*
 * What pins free memory: why bytes that the program gave back are still resident.
 *
 * The kernel takes whole pages only. A free chunk gives a page back when no chunk in use touches it, and when malloc would: malloc_trim()
 * walks the bins and the top of the main arena, never a tcache. So each free byte is one of
 *
 *   pinned    on a page that a chunk in use (or one of libc's own) touches, too
 *   cached    else, on a page where a thread's cache keeps a chunk
 *   whole     else: on pages that nobody needs; most of these malloc_trim() can give back
 *
 * A pure function of the heap and the page size. Source: glibc 2.36 malloc/malloc.c mtrim(), systrim().
 */
#ifndef HEAPSNAP_REPORT_PINS_H
#define HEAPSNAP_REPORT_PINS_H

#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"
#include "heap/heap.h"

struct pins_size {
	/** Units: bytes. */
	uint64_t usable;
	/** Chunks in use of this size that pin something. */
	uint64_t chunks;
	/** Their part of the free bytes: those of a page are divided evenly among the chunks on it. */
	double bytes;
};

struct pins {
	/** Free bytes (without top) by fate. Units: usable bytes, headers included where whole pages are meant. */
	uint64_t pinned, cached, whole;
	/** Pages that are partly free, and the chunks in use that touch them. */
	uint64_t pages, chunks;
	/** What malloc_trim(0) gives back: whole pages inside runs of free chunks, and of the top of main arenas. Units: bytes. */
	uint64_t trimmable;
	/** Sizes that pin, most bytes first. */
	ARRAY(struct pins_size) sizes;
};

/** Computes it. The heap is sealed and summed. Owner: the caller, pins_deinit(). Cost: linear in chunks. */
void pins_compute(const struct heap *heap, uint32_t page_size, struct pins *ret);

/** Frees it. */
void pins_deinit(struct pins *pins);

/** Calls visit for each run of pages that malloc_trim(0) gives back, [start, end) in pages. Cost: linear in chunks. */
void pins_trimmable(const struct heap *heap, uint32_t page_size,
		    void (*visit)(vaddr start, vaddr end, void *context), void *context);

#endif
