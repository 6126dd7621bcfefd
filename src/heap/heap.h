/* SPDX-License-Identifier: MIT */
/*
 * What a heap model leaves behind: the chunk table, and the allocator's books beside it.
 *
 *   heap ─┬─ chunks     one row each
 *         ├─ arenas     one per malloc_state: what the allocator says it got, what the walk found
 *         ├─ sources    the address ranges an arena is made of (main arena segments, heaps)
 *         ├─ tcaches    one per thread that has one, and orphans
 *         ├─ books      where the allocator's own variables lie
 *         ├─ checks     the closure checks: all pass = the walk may call itself exact
 *         └─ findings   damage and ambiguity, each with an address and its effect
 *
 * This layer knows no allocator: words like «tcache» are the field's, their layout is glibc/'s business.
 *
 * The sum: of each source, [start, end) = in use + internal + free (tcache, fast, unsorted, small, large, free) + top + overhead + gaps,
 * all in usable bytes; overhead is headers, fences, alignment and the arena's own struct. heap_verify() checks it.
 */
#ifndef HEAPSNAP_HEAP_HEAP_H
#define HEAPSNAP_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"
#include "heap/chunks.h"

struct heap_totals {
	/** Per chunk state. */
	uint64_t count[CHUNK_STATES];
	/** Per chunk state, usable bytes. */
	uint64_t bytes[CHUNK_STATES];
	/** Headers, fences, padding, the allocator's own structs outside chunks. Units: bytes. */
	uint64_t overhead;
	/** Bytes inside the walked ranges that are not the allocator's (foreign sbrk), or that could not be walked (damage, not dumped). */
	uint64_t foreign, unwalked;
};

enum source_kind {
	/** A contiguous stretch of the main arena (brk, or mmap where brk failed), or of CPython's own allocator. */
	SOURCE_SEGMENT,
	/** A heap_info region of another arena. */
	SOURCE_HEAP,
};

struct heap_source {
	enum source_kind kind;
	/** Index in arenas. */
	uint32_t arena;
	/** Half-open. Units: bytes. */
	vaddr start, end;
	struct heap_totals totals;
};

struct heap_arena {
	/** Where its malloc_state lies. */
	vaddr address;
	/** Index in heap.allocators. */
	uint32_t allocator;
	bool is_main;
	/** It is CPython's own allocator: what of its blocks is free has no rows and is overhead. */
	bool is_pymalloc;
	/** Its mutex was held when the copy was made. */
	bool locked;
	/** The main arena lost its contiguous brk range. */
	bool noncontiguous;
	uint64_t attached_threads;
	/** What the allocator's own book says that it has, and had at most. Units: bytes. */
	uint64_t system_bytes, max_system_bytes;
	/** Sums of its sources. */
	struct heap_totals totals;
	/** Largest free chunk in a bin, 0 if none. Units: usable bytes. */
	uint64_t largest_free;
};

struct heap_tcache {
	/** 0 for an orphan (its thread is gone: the child of a fork). */
	pid_t tid;
	/** Where the struct lies (a user pointer). */
	vaddr address;
	uint64_t count;
	/** Units: usable bytes. */
	uint64_t bytes;
};

/** One malloc implementation in the process (usually one; dlmopen and libc_malloc_debug bring more). */
struct heap_allocator {
	/** «glibc». Owned. */
	char *name;
	/** «2.36» as told by the file, «2.32–2.34» as told by structure. Owned. */
	char *version;
	/** Path of the module that holds it. Owned, unescaped. */
	char *module;
	/** Where offsets came from, for people: «DWARF (libc6-dbg), confirmed by structure». Owned. */
	char *offsets;
	/** The allocator's own count of chunks that are mappings of their own, and their bytes. */
	uint64_t n_mmaps, mmapped_bytes;
	/** What was found of them. Count in chunks, bytes of whole mappings. */
	uint64_t found_mmaps, found_mmapped_bytes;
};

/** Memory that holds the allocator's own books outside of its sources: pointers in it keep nothing alive. */
struct heap_books {
	/** Half-open. Units: bytes. */
	vaddr start, end;
};

enum check_result {
	CHECK_PASSED,
	CHECK_FAILED,
	/** It does not apply here; says why in detail. */
	CHECK_SKIPPED,
};

struct heap_check {
	/** Short name, stable: part of the JSON. Owned. */
	char *name;
	enum check_result result;
	/** How many items disagree, 0 when passed. */
	uint64_t failures;
	/** What was compared with what, where, and by how much they differ; owned, NULL when there is nothing to add. */
	char *detail;
};

enum finding_kind {
	/** The heap is damaged here. */
	FINDING_CORRUPTION,
	/** Something could be read in two ways, or was in motion. */
	FINDING_AMBIGUOUS,
	/** Memory that should be there is not in the image. */
	FINDING_MISSING,
};

struct heap_finding {
	enum finding_kind kind;
	vaddr address;
	/** Index in arenas, or UINT32_MAX. */
	uint32_t arena;
	/** What is wrong, its neighbours, and its effect: one line. Owned. */
	char *text;
};

struct heap {
	struct chunks chunks;
	ARRAY(struct heap_allocator) allocators;
	ARRAY(struct heap_arena) arenas;
	ARRAY(struct heap_source) sources;
	ARRAY(struct heap_tcache) tcaches;
	ARRAY(struct heap_books) books;
	ARRAY(struct heap_check) checks;
	ARRAY(struct heap_finding) findings;
	/** Findings beyond the first HEAP_FINDINGS_MAX are counted only. */
	uint64_t findings_dropped;
	/** Sums of all arenas, and of the mmapped chunks (their rest of the page is overhead). */
	struct heap_totals totals;
	/** What all of it takes from the system: sources and mappings of mmapped chunks. Units: bytes. */
	uint64_t system_bytes;
};

enum { HEAP_FINDINGS_MAX = 1000 };

/** Starts an empty heap. */
void heap_init(struct heap *heap);

/** Frees it. */
void heap_deinit(struct heap *heap);

/** Records a finding: formatted text, one line. */
void heap_finding(struct heap *heap, enum finding_kind kind, vaddr address, uint32_t arena, const char *format, ...) _printf_(5, 6);

/** Records the result of a check; the formatted detail may be empty, and is not kept of one that passed. */
void heap_check(struct heap *heap, const char *name, enum check_result result, uint64_t failures, const char *format, ...) _printf_(5, 6);

/** All checks passed or were skipped, there is at least one allocator, and no finding of any kind: the set is exact. */
bool heap_is_exact(const struct heap *heap);

/** The source that holds an address, or NULL (mmapped chunks have none). Cost: logarithmic. */
const struct heap_source *heap_source_at(const struct heap *heap, vaddr address);

/** Computes totals of sources, arenas and heap from the sealed chunk table. `foreign` and `unwalked` of sources are the model's to set before. Cost: linear. */
void heap_sum(struct heap *heap);

/** Adds the counts, bytes and remainders of one set of totals to another. */
void heap_totals_add(struct heap_totals *totals, const struct heap_totals *more);

/** Free bytes of all kinds (tcache, fast, unsorted, small, large, free), without top. */
uint64_t heap_totals_free(const struct heap_totals *totals);

/** Checks chunk invariants and that each source is accounted for to the byte; NULL if all holds, else a sentence. Owner: the caller. */
char *heap_verify(const struct heap *heap);

#endif
