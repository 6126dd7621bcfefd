/* SPDX-License-Identifier: MIT */
/*
 * The closure checks: what makes «exact» a claim that can be checked. Each compares two accounts of the same thing that were obtained in different
 * ways. Their names are part of the JSON output.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "glibc/walk.h"

static void check(struct walk *walk, const char *name, uint64_t failures, const char *what)
{
	heap_check(walk->heap, name, failures ? CHECK_FAILED : CHECK_PASSED, failures, "%s: %" PRIu64, what, failures);
}

static void check_bins(struct walk *walk)
{
	uint64_t unlisted = 0, failures = 0;
	const struct chunks *chunks = &walk->heap->chunks;

	for (size_t i = 0; i < chunks->n; i++) {
		if (chunks->state[i] != CHUNK_FREE)
			continue;
		unlisted++;
		heap_finding(walk->heap, FINDING_AMBIGUOUS, chunks->mem[i], UINT32_MAX,
			     "this chunk is free by its neighbour's header, but no bin holds it");
	}
	const struct {
		uint64_t n;
		const char *what;
	} faults[] = {
		{ unlisted, "free chunks in no bin" },
		{ walk->listed_not_walked, "listed where no chunk is" },
		{ walk->listed_not_free, "listed but in use" },
		{ walk->listed_twice, "listed twice" },
		{ walk->broken_lists, "broken lists" },
	};
	_cleanup_free_ char *text = xstrdup("");

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		char *longer;

		if (!faults[i].n)
			continue;
		longer = xasprintf("%s%s%s: %" PRIu64, text, *text ? "; " : "", faults[i].what, faults[i].n);
		free(text);
		text = longer;
		failures += faults[i].n;
	}
	heap_check(walk->heap, "bins", failures ? CHECK_FAILED : CHECK_PASSED, failures, "%s", text);
}

static void check_sizes(struct walk *walk)
{
	uint64_t failures = 0, difference = 0;
	vaddr where = 0;

	for (size_t i = 0; i < walk->arenas.n; i++) {
		const struct heap_arena *books = &walk->heap->arenas.v[i];
		uint64_t walked = walk->arenas.v[i].walked_bytes;

		if (walked == books->system_bytes)
			continue;
		failures++;
		difference += walked > books->system_bytes ? walked - books->system_bytes : books->system_bytes - walked;
		where = books->address;
	}
	heap_check(walk->heap, "sizes", failures ? CHECK_FAILED : CHECK_PASSED, failures,
		   "arenas that hold another number of bytes than their books say: %" PRIu64 " (the last at 0x%" PRIxVADDR
		   "), off by %" PRIu64 " bytes",
		   failures, where, difference);
}

static void check_ends(struct walk *walk)
{
	uint64_t failures = 0;

	for (size_t i = 0; i < walk->arenas.n; i++)
		failures += walk->arenas.v[i].bad_ends + (walk->arenas.v[i].top && !walk->arenas.v[i].top_met);
	check(walk, "ends", failures, "walks that ended in neither top nor a fence");
}

static void check_mmapped(struct walk *walk)
{
	const struct heap_allocator *books = &walk->heap->allocators.v[0];
	// 2.43 adds 16 to mmapped_mem at each mremap, so there only the count can be compared.
	bool bytes_count = !walk->glibc->instances.v[0].layout.mmapped_tail;
	uint64_t wanted = 0;

	for (size_t i = 0; i < walk->heap->allocators.n; i++)
		wanted += walk->heap->allocators.v[i].n_mmaps;
	bool equal = books->found_mmaps == wanted &&
		     (!bytes_count || walk->heap->allocators.n > 1 || books->found_mmapped_bytes == books->mmapped_bytes);
	uint64_t failures = books->found_mmaps > wanted ? books->found_mmaps - wanted : wanted - books->found_mmaps;

	heap_check(walk->heap, "mmapped", equal ? CHECK_PASSED : CHECK_FAILED, equal ? 0 : failures ? failures : 1,
		   "mmapped chunks found: %" PRIu64 " of %" PRIu64 " bytes together; the books say %" PRIu64 " of %" PRIu64 " bytes",
		   books->found_mmaps, books->found_mmapped_bytes, wanted, books->mmapped_bytes);
}

static void check_locks(struct walk *walk)
{
	uint64_t locked = 0;

	for (size_t i = 0; i < walk->heap->arenas.n; i++)
		locked += walk->heap->arenas.v[i].locked;
	check(walk, "locks", locked, "arenas locked at the copy");
}

static void check_marks(struct walk *walk)
{
	uint64_t unmarked = 0;

	for (size_t i = 0; i < walk->arenas.n; i++)
		unmarked += walk->arenas.v[i].unmarked;
	check(walk, "marks", unmarked, "chunks in use of other arenas without the mark of a non-main arena");
}

void checks_run(struct walk *walk, size_t n_inside)
{
	check_bins(walk);
	check_sizes(walk);
	check_ends(walk);
	check_mmapped(walk);
	check_locks(walk);
	check(walk, "threads", n_inside, "threads inside malloc at the copy");
	check_marks(walk);
	check(walk, "tcaches", walk->tcaches_unread, "threads whose caches could not be read (free chunks in them may count as in use)");
}
