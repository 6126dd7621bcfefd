/* SPDX-License-Identifier: MIT */
/* What a model leaves behind: sums that reconcile, a verifier that can complain, and when a result may be called exact. */
#include "heap/heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/*
 * Two arenas: 0 with the segments [0x1000, 0x2000) and [0x8000, 0x9000), 1 with the heap [0x4000, 0x5000); one mmapped
 * chunk of two pages at 0x10000.
 */
static void fill(struct heap *heap)
{
	struct chunks *chunks = &heap->chunks;

	heap_init(heap);
	array_append(&heap->allocators, (struct heap_allocator){ .name = xstrdup("glibc"),
								 .version = xstrdup("2.36"),
								 .module = xstrdup("/libc"),
								 .offsets = xstrdup("here"),
								 .found_mmaps = 1,
								 .found_mmapped_bytes = 0x2000 });
	array_append(&heap->arenas, (struct heap_arena){ .address = 0x500, .is_main = true });
	array_append(&heap->arenas, (struct heap_arena){ .address = 0x4020 });
	array_append(&heap->sources,
		     (struct heap_source){
			     .kind = SOURCE_SEGMENT, .arena = 0, .start = 0x1000, .end = 0x2000 });
	array_append(&heap->sources,
		     (struct heap_source){
			     .kind = SOURCE_HEAP, .arena = 1, .start = 0x4000, .end = 0x5000 });
	array_append(&heap->sources,
		     (struct heap_source){
			     .kind = SOURCE_SEGMENT, .arena = 0, .start = 0x8000, .end = 0x9000 });
	heap->sources.v[2].totals.foreign = 0x200;
	heap->sources.v[2].totals.unwalked = 0x100;

	chunks_add(chunks, 0x1010, 0x18, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_add(chunks, 0x1030, 0x28, CHUNK_SMALL, CHUNK_HEAP);
	chunks_add(chunks, 0x1060, 0x408, CHUNK_LARGE, CHUNK_HEAP);
	chunks_add(chunks, 0x1470, 0x18, CHUNK_FAST, CHUNK_HEAP);
	chunks_add(chunks, 0x1490, 0xb70, CHUNK_TOP, CHUNK_HEAP);
	chunks_add(chunks, 0x4900, 0x288, CHUNK_INTERNAL, CHUNK_HEAP);
	chunks_add(chunks, 0x4b90, 0x38, CHUNK_TCACHE, CHUNK_HEAP);
	chunks_add(chunks, 0x4bd0, 0x48, CHUNK_UNSORTED, CHUNK_HEAP);
	chunks_add(chunks, 0x8010, 0x58, CHUNK_FREE, CHUNK_HEAP);
	chunks_add(chunks, 0x8070, 0x118, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_add(chunks, 0x10010, 0x1ff0, CHUNK_IN_USE, CHUNK_MMAPPED);
	ck_assert_uint_eq(chunks_seal(chunks), 0);
	heap_sum(heap);
}

static void check_verified(const struct heap *heap)
{
	char *complaint = heap_verify(heap);

	ck_assert_msg(!complaint, "%s", complaint);
}

START_TEST(sums_of_sources_arenas_and_all)
{
	struct heap heap;

	fill(&heap);
	check_verified(&heap);

	const struct heap_totals *first = &heap.sources.v[0].totals,
				 *other = &heap.sources.v[1].totals,
				 *last = &heap.sources.v[2].totals;

	ck_assert_uint_eq(first->count[CHUNK_IN_USE], 1);
	ck_assert_uint_eq(first->bytes[CHUNK_IN_USE], 0x18);
	ck_assert_uint_eq(first->bytes[CHUNK_SMALL], 0x28);
	ck_assert_uint_eq(first->bytes[CHUNK_LARGE], 0x408);
	ck_assert_uint_eq(first->bytes[CHUNK_FAST], 0x18);
	ck_assert_uint_eq(first->bytes[CHUNK_TOP], 0xb70);
	ck_assert_uint_eq(first->overhead, 0x1000 - 0x18 - 0x28 - 0x408 - 0x18 - 0xb70);
	ck_assert_uint_eq(other->bytes[CHUNK_INTERNAL], 0x288);
	ck_assert_uint_eq(other->overhead, 0x1000 - 0x288 - 0x38 - 0x48);
	ck_assert_uint_eq(last->foreign, 0x200);
	ck_assert_uint_eq(last->unwalked, 0x100);
	ck_assert_uint_eq(last->overhead, 0x1000 - 0x300 - 0x58 - 0x118);

	const struct heap_totals *main_totals = &heap.arenas.v[0].totals;

	ck_assert_uint_eq(main_totals->bytes[CHUNK_IN_USE], 0x18 + 0x118);
	ck_assert_uint_eq(main_totals->count[CHUNK_IN_USE], 2);
	ck_assert_uint_eq(main_totals->overhead, first->overhead + last->overhead);
	ck_assert_uint_eq(main_totals->foreign, 0x200);
	ck_assert_uint_eq(heap_totals_free(main_totals), 0x28 + 0x408 + 0x18 + 0x58);
	ck_assert_uint_eq(heap_totals_free(&heap.arenas.v[1].totals), 0x38 + 0x48);
	ck_assert_uint_eq(heap.arenas.v[0].largest_free, 0x408);
	ck_assert_uint_eq(heap.arenas.v[1].largest_free, 0x48);

	ck_assert_uint_eq(heap.system_bytes, 3 * 0x1000 + 0x2000);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 3);
	ck_assert_uint_eq(heap.totals.bytes[CHUNK_IN_USE], 0x18 + 0x118 + 0x1ff0);
	ck_assert_uint_eq(heap.totals.overhead,
			  first->overhead + other->overhead + last->overhead + 0x10);
	ck_assert_uint_eq(heap.totals.foreign, 0x200);
	ck_assert_uint_eq(heap.totals.unwalked, 0x100);
	heap_deinit(&heap);
}
END_TEST

START_TEST(summing_twice_gives_the_same)
{
	struct heap heap;

	fill(&heap);

	struct heap_totals before = heap.totals, arena = heap.arenas.v[0].totals;

	heap_sum(&heap);
	ck_assert_mem_eq(&heap.totals, &before, sizeof(before));
	ck_assert_mem_eq(&heap.arenas.v[0].totals, &arena, sizeof(arena));
	ck_assert_uint_eq(heap.system_bytes, 3 * 0x1000 + 0x2000);
	ck_assert_uint_eq(heap.arenas.v[0].largest_free, 0x408);
	heap_deinit(&heap);
}
END_TEST

START_TEST(an_empty_heap_is_verified_and_not_exact)
{
	struct heap heap;

	heap_init(&heap);
	heap_sum(&heap);
	check_verified(&heap);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_ptr_null(heap_source_at(&heap, 0x1000));
	heap_deinit(&heap);
}
END_TEST

START_TEST(verify_catches_each_broken_invariant)
{
	static const char *const words[] = { "out of order", "empty",	"no arena",
					     "own size",     "not the", "not the",
					     "own size",     "chunk 3", "out of order" };

	for (unsigned what = 0; what < sizeof(words) / sizeof(*words); what++) {
		struct heap heap;

		fill(&heap);
		switch (what) {
		case 0:
			heap.sources.v[2].start = 0x4800;
			break;
		case 1:
			heap.sources.v[0].end = heap.sources.v[0].start;
			break;
		case 2:
			heap.sources.v[1].arena = 2;
			break;
		case 3:
			heap.sources.v[0].totals.bytes[CHUNK_IN_USE] += 0x1000;
			break;
		case 4:
			heap.totals.bytes[CHUNK_TCACHE]++;
			break;
		case 5:
			heap.system_bytes -= 16;
			break;
		case 6:
			heap.sources.v[1].totals.overhead--;
			break;
		case 7:
			heap.chunks.mem[3] = heap.chunks.mem[2];
			break;
		case 8:
			heap.sources.v[1].end = 0x8001;
			heap.sources.v[1].totals.overhead += 0x3001;
			break;
		}
		char *complaint = heap_verify(&heap);

		ck_assert_msg(complaint, "broken invariant %u is not noticed", what);
		ck_assert_msg(strstr(complaint, words[what]), "invariant %u: %s", what, complaint);
		free(complaint);
		heap_deinit(&heap);
	}
}
END_TEST

START_TEST(chunks_that_claim_more_than_their_source_are_noticed)
{
	struct heap heap;

	fill(&heap);
	// A row in the first source that is larger than it.
	chunks_set_usable(&heap.chunks, 4, 0x1200);
	heap_sum(&heap);
	char *complaint = heap_verify(&heap);

	ck_assert_ptr_nonnull(complaint);
	ck_assert_ptr_nonnull(strstr(complaint, "source 0"));
	free(complaint);
	heap_deinit(&heap);
}
END_TEST

START_TEST(the_source_of_an_address)
{
	struct heap heap;

	fill(&heap);
	ck_assert_ptr_null(heap_source_at(&heap, 0xfff));
	ck_assert_ptr_eq(heap_source_at(&heap, 0x1000), &heap.sources.v[0]);
	ck_assert_ptr_eq(heap_source_at(&heap, 0x1fff), &heap.sources.v[0]);
	ck_assert_ptr_null(heap_source_at(&heap, 0x2000));
	ck_assert_ptr_eq(heap_source_at(&heap, 0x4000), &heap.sources.v[1]);
	ck_assert_ptr_null(heap_source_at(&heap, 0x5000));
	ck_assert_ptr_eq(heap_source_at(&heap, 0x8fff), &heap.sources.v[2]);
	ck_assert_ptr_null(heap_source_at(&heap, 0x9000));
	ck_assert_ptr_null(heap_source_at(&heap, 0x10010));
	ck_assert_ptr_null(heap_source_at(&heap, UINT64_MAX));
	heap_deinit(&heap);
}
END_TEST

START_TEST(when_a_result_is_exact)
{
	struct heap heap;

	fill(&heap);
	ck_assert(heap_is_exact(&heap));
	heap_check(&heap, "one", CHECK_PASSED, 0, "%s", "");
	heap_check(&heap, "two", CHECK_SKIPPED, 0, "there is no %s", "second");
	ck_assert(heap_is_exact(&heap));
	ck_assert_ptr_null(heap.checks.v[0].detail);
	ck_assert_str_eq(heap.checks.v[1].detail, "there is no second");
	heap_check(&heap, "three", CHECK_FAILED, 3, "%d disagree", 3);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_uint_eq(heap.checks.v[2].failures, 3);
	heap_deinit(&heap);

	for (enum finding_kind kind = FINDING_CORRUPTION; kind <= FINDING_MISSING; kind++) {
		fill(&heap);
		heap_finding(&heap, kind, 0x1000, UINT32_MAX, "there");
		ck_assert(!heap_is_exact(&heap));
		heap_deinit(&heap);
	}
}
END_TEST

START_TEST(findings_are_counted_beyond_their_maximum)
{
	struct heap heap;

	heap_init(&heap);
	for (unsigned i = 0; i < HEAP_FINDINGS_MAX + 5; i++)
		heap_finding(&heap, FINDING_CORRUPTION, i, 7, "number %u", i);
	ck_assert_uint_eq(heap.findings.n, HEAP_FINDINGS_MAX);
	ck_assert_uint_eq(heap.findings_dropped, 5);
	ck_assert_str_eq(heap.findings.v[HEAP_FINDINGS_MAX - 1].text, "number 999");
	ck_assert_uint_eq(heap.findings.v[42].address, 42);
	ck_assert_uint_eq(heap.findings.v[42].arena, 7);
	ck_assert_int_eq(heap.findings.v[42].kind, FINDING_CORRUPTION);
	heap_deinit(&heap);
	ck_assert_uint_eq(heap.findings.n, 0);
}
END_TEST

UNIT_SUITE("heap", sums_of_sources_arenas_and_all, summing_twice_gives_the_same,
	   an_empty_heap_is_verified_and_not_exact, verify_catches_each_broken_invariant,
	   chunks_that_claim_more_than_their_source_are_noticed, the_source_of_an_address,
	   when_a_result_is_exact, findings_are_counted_beyond_their_maximum)
