/* SPDX-License-Identifier: MIT */
/*
 * Where roots can be: the memory of the target cut into areas, each of one kind.
 *
 *   [stack]   |·····below sp: nothing·····|red zone|frame|frame|frame … end of the mapping
 *   a thread  |guard|·····nothing·····|red zone|frames …|TLS blocks|descriptor|
 *   a module  |RELRO|data|bss|
 *   the rest  writable memory that malloc does not own; shared memory too
 *
 * No area: what malloc owns (its chunks have edges instead, and its own books keep nothing alive), what lies below a stack pointer, and the stacks of threads
 * that have ended, which libc keeps for the next one.
 *
 * A stack, or the thread-local variables of a library that was loaded later, may lie in a chunk. That part is an area, then, and cut out of the chunk's edges.
 */
#ifndef HEAPSNAP_GRAPH_ROOT_AREAS_H
#define HEAPSNAP_GRAPH_ROOT_AREAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/ranges.h"
#include "debug/modules.h"
#include "debug/tls_blocks.h"
#include "graph/edges.h"
#include "heap/heap.h"
#include "target/frames.h"
#include "target/target.h"

enum area_kind {
	/** Writable memory of a module. */
	AREA_DATA,
	/** Thread-local variables of one module in one thread. */
	AREA_TLS,
	/** libc's struct of a thread, live or ended. */
	AREA_DESCRIPTOR,
	/** A stack from its stack pointer up. */
	AREA_STACK,
	/** Any other writable mapping. */
	AREA_MAPPING,
};

struct root_area {
	enum area_kind kind;
	/** Index in target.threads; SIZE_MAX for none, or for a thread that has ended. */
	size_t thread;
	/** Index in modules.v, of data and TLS. */
	size_t module;
	/** Index in target.mappings, of AREA_MAPPING. */
	size_t mapping;
	/** Of TLS where the block begins, of a descriptor where it begins (of threads that have ended too). */
	vaddr base;
};

/** A chunk that holds a stack or a TLS block: alive while its thread is. */
struct held_chunk {
	chunk_id chunk;
	/** Which area. */
	size_t area;
};

struct root_areas {
	ARRAY(struct root_area) v;
	/** What each covers; the tag is the index of the area. */
	range_array ranges;
	/** Ascending by chunk. */
	ARRAY(struct edge_cut) cuts;
	ARRAY(struct held_chunk) held;
	/** Of each thread, innermost first, and whether they reach the bottom. */
	frame_array *frames;
	size_t n_threads;
	struct thread_db thread_db;
};

/** Finds them. Borrows nothing. Owner: the caller, root_areas_deinit(). Cost: unwinding of all threads; else by the number of mappings, threads times modules,
    sources and mmapped chunks. */
void root_areas_find(const struct target *target, struct modules *modules, const struct heap *heap, struct root_areas *ret);

/** Frees them. */
void root_areas_deinit(struct root_areas *areas);

#endif
