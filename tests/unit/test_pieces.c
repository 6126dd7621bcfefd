/* SPDX-License-Identifier: MIT */
/* Chunk by chunk: headers, fences, what lies behind them, damage, and what is not in the image. */
#include "heap_expect.h"
#include "unit.h"

static const uint64_t SIZE = 0x21000;

START_TEST(used_free_and_top)
{
	for (int release = 0; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);

		struct pen pen = pen_main(&b, SIZE);
		vaddr first = pen_used(&pen, 0x20), small = pen_free(&pen, 0x90),
		      second = pen_used(&pen, 0x30), large = pen_free(&pen, 0x1000),
		      third = pen_used(&pen, 0x11000), top = pen_top(&pen);

		builder_bin(&b, MAIN_ARENA, bin_of(0x90), small);
		builder_bin(&b, MAIN_ARENA, 112, large);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, 6);
		expect_chunk(&heap, first, 0x18, CHUNK_IN_USE);
		expect_chunk(&heap, small + 16, 0x88, CHUNK_SMALL);
		expect_chunk(&heap, second, 0x28, CHUNK_IN_USE);
		expect_chunk(&heap, large + 16, 0xff8, CHUNK_LARGE);
		expect_chunk(&heap, third, 0x10ff8, CHUNK_IN_USE);
		expect_chunk(&heap, top + 16, BRK_HEAP + SIZE - top - 16, CHUNK_TOP);
		for (size_t i = 0; i < heap.chunks.n; i++)
			ck_assert_uint_eq(heap.chunks.kind[i], CHUNK_HEAP);
		ck_assert_uint_eq(heap.system_bytes, SIZE);
		ck_assert_uint_eq(heap.arenas.v[0].largest_free, 0xff8);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_top_of_nothing_but_its_header)
{
	for (uint64_t rest = 0x10; rest <= 0x30; rest += 0x10) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);

		struct pen pen = pen_main(&b, SIZE);

		pen_used(&pen, SIZE - rest);
		vaddr top = pen_top(&pen);

		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, rest == 0x10 ? 1 : 2);
		if (rest > 0x10)
			expect_chunk(&heap, top + 16, rest - 16, CHUNK_TOP);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_free_chunk_that_no_bin_holds)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	pen_used(&pen, 0x20);
	vaddr chunk = pen_free(&pen, 0x90);

	pen_used(&pen, 0x20);
	pen_top(&pen);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_AMBIGUOUS, chunk + 16, "no bin holds it");
	expect_failed(&heap, "bins");
	expect_failures(&heap, "bins", 1);
	expect_chunk(&heap, chunk + 16, 0x88, CHUNK_FREE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* ---- fences ---- */

/* A segment of the main arena with two foreign gaps in it: what others took with sbrk in between. */
static void foreign_gaps(bool free_before_fence, uint64_t gap)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);
	vaddr first = pen_used(&pen, 0x40), last, freed = 0;

	// The old top was freed when brk went on elsewhere: its fence loses PREV_INUSE.
	if (free_before_fence) {
		freed = pen_free(&pen, 0x500);
		builder_bin(&b, MAIN_ARENA, 1, freed);
	} else {
		pen_used(&pen, 0x500);
	}
	pen_fence(&pen);
	ck_assert_uint_eq(builder_get(&b, pen.at - 0x18), free_before_fence ? 0x10 : 0x11);
	ck_assert_uint_eq(builder_get(&b, pen.at - 8), 0x11);
	// Text of somebody else, of a length of its own.
	for (vaddr at = pen.at; at + 8 <= pen.at + gap; at += 8)
		builder_put(&b, at, UINT64_C(0x6f6c6c6568206f74));
	pen.at = (pen.at + gap + 15) & ~UINT64_C(15);
	last = pen_used(&pen, 0x60);
	pen_used(&pen, 0x700);
	pen_fence(&pen);
	pen.at += 0x2000; // and nothing but zeros
	pen_used(&pen, 0x80);
	pen_top(&pen);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.chunks.n, 6);
	expect_state(&heap, first, CHUNK_IN_USE);
	expect_chunk(&heap, last, 0x58, CHUNK_IN_USE);
	if (freed)
		expect_chunk(&heap, freed + 16, 0x4f8, CHUNK_UNSORTED);
	ck_assert_uint_eq(heap.totals.foreign, ((gap + 15) & ~UINT64_C(15)) + 0x2000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}

START_TEST(fences_and_what_others_took_with_sbrk)
{
	foreign_gaps(false, 0x1000);
	foreign_gaps(true, 0x1000);
	foreign_gaps(true, 0x10);
	foreign_gaps(false, 0x1238);
}
END_TEST

START_TEST(a_gap_that_holds_what_looks_like_chunks)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	pen_used(&pen, 0x40);
	pen_fence(&pen);

	// Header-like words, whose chain steps over a free chunk behind the gap.
	vaddr gap = pen.at;

	builder_put(&b, gap + 8, 0x41);
	builder_put(&b, gap + 0x48, 0x1100 + 0x31);
	pen.at += 0x1000;

	vaddr real = pen_used(&pen, 0x50), freed = pen_free(&pen, 0x90);

	builder_bin(&b, MAIN_ARENA, bin_of(0x90), freed);
	pen_used(&pen, 0x600);
	pen_top(&pen);
	// What the second one leads to is a header of the real chain.
	ck_assert_uint_eq(gap + 0x40 + 0x1130, real - 16 + 0x50 + 0x90 + 0x90);
	builder_put(&b, gap + 0x40 + 0x1130 + 8, 0x31);
	builder_put(&b, gap + 0x40 + 0x1160 + 8, 0x541);
	walk_image(&b, &heap);
	expect_no_chunk(&heap, gap + 16);
	expect_chunk(&heap, real, 0x48, CHUNK_IN_USE);
	expect_chunk(&heap, freed + 16, 0x88, CHUNK_SMALL);
	ck_assert_uint_eq(heap.totals.foreign, 0x1000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* A heap with a gap of 0x1000 bytes behind its first chunk; what comes behind that is the caller's. */
static struct pen gap_make(struct image_builder *b, uint64_t size)
{
	image_builder_init(b, GLIBC_2_36);

	struct pen pen = pen_main(b, size);

	pen_used(&pen, 0x40);
	pen_fence(&pen);
	pen.at += 0x1000;
	return pen;
}

START_TEST(a_gap_that_leads_to_what_lies_behind)
{
	struct image_builder b;
	struct heap heap;
	struct pen pen = gap_make(&b, SIZE);
	vaddr gap = pen.at - 0x1000, mem;

	// Without PREV_INUSE it is no first chunk.
	builder_put(&b, gap + 8, 0x1000);
	mem = pen_used(&pen, 0x40);
	pen_top(&pen);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_no_chunk(&heap, gap + 16);
	expect_state(&heap, mem, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.foreign, 0x1000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_gap_full_of_what_looks_like_chunks)
{
	struct image_builder b;
	struct heap heap;
	struct pen pen = gap_make(&b, SIZE), other = pen;

	// A chain of 60 that leads nowhere.
	other.at = pen.at - 0x1000 + 0x10;
	for (unsigned i = 0; i < 60; i++)
		pen_used(&other, 0x40);

	vaddr mem = pen_used(&pen, 0x40);

	pen_top(&pen);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.chunks.n, 3);
	expect_state(&heap, mem, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.foreign, 0x1000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_gap_and_damage_behind_it)
{
	struct image_builder b;
	struct heap heap;
	struct pen pen = gap_make(&b, SIZE);
	vaddr mems[1500];

	for (unsigned i = 0; i < 1500; i++)
		mems[i] = pen_used(&pen, 0x20);
	pen_top(&pen);
	builder_put(&b, mems[1200] - 8, 0x4141414141414141);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, mems[1200], "damaged header");
	for (unsigned i = 0; i < 1500; i++)
		if (i != 1199 && i != 1200)
			expect_chunk(&heap, mems[i], 0x18, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.foreign, 0x1000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_gap_and_a_bin_that_names_what_is_no_chunk)
{
	struct image_builder b;
	struct heap heap;
	struct pen pen = gap_make(&b, SIZE);
	// Top is so small that nothing but the first chunk behind the gap can be what is looked for.
	vaddr first = pen_used(&pen, 0x50), second = pen_used(&pen, pen.end - pen.at - 0x20);

	pen_top(&pen);
	builder_bin(&b, MAIN_ARENA, 1, second + 0x40);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, second + 0x50, "no chunk starts here");
	expect_state(&heap, first, CHUNK_IN_USE);
	expect_state(&heap, second, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.foreign, 0x1000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_fence_with_nothing_behind_it)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);
	vaddr mem = pen_used(&pen, 0x40);

	pen_fence(&pen);
	// Top is said to lie behind, but what is there leads nowhere.
	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.top, BRK_HEAP + SIZE - 0x40);
	walk_image(&b, &heap);
	expect_chunk(&heap, mem, 0x38, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.chunks.n, 1);
	ck_assert(!heap_is_exact(&heap));
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* A heap of another arena that ends in a fence, with the newest heap behind it. */
static void heap_with_end(struct image_builder *b, struct pen *pen, struct pen *newer)
{
	image_builder_init(b, GLIBC_2_36);
	*pen = pen_thread_arena(b, THREAD_HEAP, SIZE);
	pen_used(pen, 0x40);
	builder_map(b, THREAD_HEAP + HEAP_STRIDE, SIZE, NULL);
	*newer = pen_heap(b, pen->arena, THREAD_HEAP + HEAP_STRIDE, SIZE, THREAD_HEAP);
	pen_used(newer, 0x50);
	pen_top(newer);
}

START_TEST(heaps_end_in_fences_of_several_forms)
{
	for (unsigned what = 0; what < 5; what++) {
		struct image_builder b;
		struct pen pen, newer;
		struct heap heap;
		size_t rows = 4;

		heap_with_end(&b, &pen, &newer);
		switch (what) {
		case 0: // after a chunk in use
			pen_used(&pen, pen.end - 0x20 - pen.at);
			pen_heap_fence(&pen);
			break;
		case 1: { // after a free one
			vaddr chunk = pen_free(&pen, pen.end - 0x20 - pen.at);

			builder_bin(&b, pen.arena, 1, chunk);
			pen_heap_fence(&pen);
			break;
		}
		case 2: // the phantom: a header of 0x21 that is no chunk, then 1
			pen_used(&pen, pen.end - 0x30 - pen.at);
			builder_put(&b, pen.at + 8, 0x21);
			builder_put(&b, pen.at + 0x28, 1);
			break;
		case 3: // room for one header only
			pen_used(&pen, pen.end - 0x10 - pen.at);
			builder_put(&b, pen.at + 8, 1);
			break;
		case 4: { // the phantom, when the chunk before it was freed later
			vaddr chunk = pen_free(&pen, pen.end - 0x30 - pen.at);

			builder_bin(&b, pen.arena, 1, chunk);
			builder_put(&b, pen.at, pen.free_before);
			builder_put(&b, pen.at + 8, 0x20);
			builder_put(&b, pen.at + 0x28, 1);
			break;
		}
		}
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, rows);
		ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], what == 1 || what == 4 ? 2 : 3);
		ck_assert_uint_eq(heap.totals.foreign + heap.totals.unwalked, 0);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(what_resembles_the_phantom_and_is_none)
{
	// A chunk of 0x20 bytes with the mark, before the last word 1: it was handed out.
	struct image_builder b;
	struct pen pen, newer;
	struct heap heap;

	heap_with_end(&b, &pen, &newer);
	pen_used(&pen, pen.end - 0x30 - pen.at);

	vaddr mem = pen_used(&pen, 0x20);

	builder_put(&b, pen.at + 8, 1);
	walk_image(&b, &heap);
	expect_chunk(&heap, mem, 0x18, CHUNK_IN_USE);
	expect_exact(&heap);
	heap_deinit(&heap);
	image_builder_deinit(&b);

	// In the main arena a header of 0x21 is always a chunk, and a 1 behind it is damage.
	image_builder_init(&b, GLIBC_2_36);
	pen = pen_main(&b, SIZE);
	mem = pen_used(&pen, 0x20);

	vaddr next = pen_used(&pen, 0x20);

	pen_used(&pen, 0x20);
	pen_top(&pen);
	builder_put(&b, next - 8, 1);
	walk_image(&b, &heap);
	expect_chunk(&heap, mem, 0x18, CHUNK_IN_USE);
	expect_finding(&heap, 1, FINDING_CORRUPTION, next, "damaged header");
	ck_assert_uint_eq(heap.chunks.n, 4);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_fence_long_before_the_end_of_a_heap)
{
	struct image_builder b;
	struct pen pen, newer;
	struct heap heap;

	heap_with_end(&b, &pen, &newer);
	pen_used(&pen, 0x100);
	pen_heap_fence(&pen);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, pen.at, "before its end");
	expect_failed(&heap, "ends");
	ck_assert_uint_eq(heap.totals.unwalked, pen.end - pen.at);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 3);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_top_of_no_size_in_a_heap)
{
	for (uint64_t size = 0; size < 16; size += 5) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);

		struct pen pen = pen_thread_arena(&b, THREAD_HEAP, SIZE);
		vaddr mem = pen_used(&pen, 0x40), top = pen_top(&pen);

		builder_put(&b, top + 8, size);
		walk_image(&b, &heap);
		expect_failures(&heap, "ends", 2);
		ck_assert_uint_eq(findings_about(&heap, FINDING_CORRUPTION, top + 16), 1);
		expect_state(&heap, mem, CHUNK_IN_USE);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(used_chunks_without_the_mark_of_their_arena)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_thread_arena(&b, THREAD_HEAP, SIZE);
	vaddr mem = pen_used(&pen, 0x40);

	pen_used(&pen, 0x40);
	// A free chunk may have lost its mark.
	vaddr freed = pen_free(&pen, 0x90);

	builder_put(&b, freed + 8, 0x91);
	builder_bin(&b, pen.arena, bin_of(0x90), freed);
	pen_used(&pen, 0x40);
	pen_top(&pen);
	builder_put(&b, mem - 8, 0x41);
	walk_image(&b, &heap);
	expect_failed(&heap, "marks");
	expect_failures(&heap, "marks", 1);
	expect_state(&heap, mem, CHUNK_IN_USE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* ---- damage ---- */

/* A main arena of ten chunks of 0x40 each in use, one free among them, and top; returns what the program holds. */
static void ten_chunks(struct image_builder *b, vaddr *mems)
{
	struct pen pen;

	image_builder_init(b, GLIBC_2_36);
	pen = pen_main(b, SIZE);
	for (unsigned i = 0; i < 10; i++) {
		mems[i] = pen_used(&pen, 0x40);
		for (unsigned k = 0; k < 6; k++)
			builder_put(b, mems[i] + 8 * k, UINT64_C(0xdead4ead0000) + i);
		if (i == 7) {
			vaddr chunk = pen_free(&pen, 0x90);

			builder_bin(b, MAIN_ARENA, bin_of(0x90), chunk);
		}
	}
	pen_top(&pen);
}

START_TEST(an_overwritten_size_is_found_and_the_walk_goes_on)
{
	static const uint64_t headers[] = {
		0,		    // nothing
		0x48,		    // not aligned
		0x4141414141414141, // text
		UINT64_MAX,	    // everything set
		0x43,		    // mmapped
		0x45,		    // of another arena
		0x100001,	    // beyond the heap
		0x11,		    // smaller than any chunk
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct image_builder b;
		struct heap heap;
		vaddr mems[10];

		ten_chunks(&b, mems);
		builder_put(&b, mems[3] - 8, headers[i]);
		walk_image(&b, &heap);
		ck_assert_uint_ge(heap.findings.n, 1);
		ck_assert_uint_eq(findings_about(&heap, FINDING_CORRUPTION, mems[3]), 1);
		// Its neighbours and all the rest stand; the damaged one reaches to the next.
		for (unsigned k = 0; k < 10; k++)
			if (k != 2)
				expect_chunk(&heap, mems[k], 0x38, CHUNK_IN_USE);
		ck_assert_uint_ne(chunks_at(&heap.chunks, mems[2]), CHUNK_NONE);
		ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
		ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], 1);
		ck_assert_uint_eq(heap.totals.unwalked, 0);
		expect_failures(&heap, "ends", 0);
		ck_assert(!heap_is_exact(&heap));
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(the_finding_names_address_neighbours_and_effect)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[10];
	char words[64];

	ten_chunks(&b, mems);
	builder_put(&b, mems[3] - 8, 0x4141414141414141);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, mems[3], "size field 0x4141414141414141");
	ck_assert_uint_eq(heap.findings.v[0].arena, 0);
	snprintf(words, sizeof(words), "before it at 0x%" PRIx64, mems[2]);
	ck_assert_ptr_nonnull(strstr(heap.findings.v[0].text, words));
	snprintf(words, sizeof(words), "next sound chunk at 0x%" PRIx64, mems[4]);
	ck_assert_ptr_nonnull(strstr(heap.findings.v[0].text, words));
	ck_assert_ptr_nonnull(strstr(heap.findings.v[0].text, "the 64 bytes between"));
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(the_very_first_header_is_damaged)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[10];

	ten_chunks(&b, mems);
	builder_put(&b, mems[0] - 8, 0);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, mems[0], "chunk before it at 0x0");
	for (unsigned k = 0; k < 10; k++)
		expect_chunk(&heap, mems[k], 0x38, CHUNK_IN_USE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(damage_that_resembles_something_sound)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[10];

	// A size of 0, and behind it the second half of a fence.
	ten_chunks(&b, mems);
	builder_put(&b, mems[3] - 8, 1);
	builder_put(&b, mems[3] + 8, 0x11);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, mems[3], "damaged header");
	expect_chunk(&heap, mems[3], 0x38, CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.foreign, 0);
	heap_deinit(&heap);
	image_builder_deinit(&b);

	// A size that is no multiple of 16, and where it leads a second one that leads back to the real chain.
	ten_chunks(&b, mems);
	builder_put(&b, mems[3] - 8, 0x49);
	builder_put(&b, mems[4], 0x39);
	walk_image(&b, &heap);
	ck_assert_uint_eq(findings_about(&heap, FINDING_CORRUPTION, mems[3]), 1);
	expect_chunk(&heap, mems[5], 0x38, CHUNK_IN_USE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(the_chunk_before_damage_keeps_its_state)
{
	// Whether it is in use stands in the header that is damaged: the bins say it instead.
	for (unsigned what = 0; what < 3; what++)
		for (uint64_t bit = 0; bit < 2; bit++) {
			static const enum chunk_state states[] = { CHUNK_SMALL, CHUNK_FAST,
								   CHUNK_IN_USE };
			struct image_builder b;
			struct heap heap;

			image_builder_init(&b, GLIBC_2_36);

			struct pen pen = pen_main(&b, SIZE);

			pen_used(&pen, 0x40);

			vaddr chunk = pen_used(&pen, 0x40) - 16, next = pen_used(&pen, 0x40);

			pen_used(&pen, 0x40);
			pen_top(&pen);
			if (what == 0)
				builder_bin(&b, MAIN_ARENA, 4, chunk);
			else if (what == 1)
				builder_fastbin(&b, MAIN_ARENA, 2, chunk);
			builder_put(&b, next - 8, 0x4141414141414140 | bit);
			walk_image(&b, &heap);
			expect_finding(&heap, 1, FINDING_CORRUPTION, next, "damaged header");
			expect_chunk(&heap, chunk + 16, 0x38, states[what]);
			heap_deinit(&heap);
			image_builder_deinit(&b);
		}
}
END_TEST

START_TEST(several_damaged_headers)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[200];

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	for (unsigned i = 0; i < 200; i++)
		mems[i] = pen_used(&pen, 0x50);
	pen_top(&pen);
	// Each stands alone: what lies between is not lost.
	builder_put(&b, mems[10] - 8, 0x4141414141414141);
	builder_put(&b, mems[90] - 8, 0);
	builder_put(&b, mems[180] - 8, UINT64_MAX);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.findings.n, 3);
	for (unsigned i = 0; i < 200; i++)
		expect_state(&heap, mems[i],
			     i == 179 || i == 89 || i == 9
				     ? heap.chunks.state[chunks_at(&heap.chunks, mems[i])]
				     : CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
	ck_assert_uint_eq(heap.chunks.n, 201);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_size_that_leads_into_the_middle_of_a_chunk)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[10];

	ten_chunks(&b, mems);
	builder_put(&b, mems[3] - 8, 0x71);
	walk_image(&b, &heap);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_uint_ge(heap.findings.n, 1);
	for (unsigned k = 0; k < 10; k++)
		if (k != 3 && k != 4 && k != 2)
			expect_chunk(&heap, mems[k], 0x38, CHUNK_IN_USE);
	ck_assert_uint_ne(chunks_find(&heap.chunks, mems[4]), CHUNK_NONE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_size_that_swallows_others_shows_in_the_bins)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[10];

	// From the seventh over the free chunk to the tenth: a chain that a walk alone cannot doubt.
	ten_chunks(&b, mems);
	builder_put(&b, mems[6] - 8, (mems[9] - mems[6]) | 1);
	walk_image(&b, &heap);
	expect_failures(&heap, "bins", 1);
	expect_finding(&heap, 1, FINDING_CORRUPTION, mems[7] + 0x40, "no chunk starts here");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(damage_that_no_sound_chunk_follows)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);
	vaddr mem = pen_used(&pen, 0x40);

	pen_used(&pen, 0x40);

	vaddr top = pen_top(&pen);

	builder_put(&b, top + 8, 0);
	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.top, top + 0x10000);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, top + 16, "no sound chunk follows");
	expect_state(&heap, mem, CHUNK_IN_USE);
	expect_failures(&heap, "ends", 2);
	ck_assert_uint_ge(heap.totals.unwalked, 0x10000);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* The same in a heap of another arena, to its very last header. */
START_TEST(damage_anywhere_in_a_heap)
{
	struct image_builder b;
	struct pen pen, newer;
	struct heap heap;

	heap_with_end(&b, &pen, &newer);
	pen_used(&pen, pen.end - 0x20 - pen.at);
	pen_heap_fence(&pen);
	image_builder_deinit(&b);
	for (vaddr at = THREAD_HEAP + SIZE - 0x60; at < THREAD_HEAP + SIZE; at += 8)
		for (unsigned value = 0; value < 4; value++) {
			static const uint64_t values[] = { 0, 0x15, 0x45, UINT64_MAX };

			heap_with_end(&b, &pen, &newer);
			while (pen.at < pen.end - 0x20)
				pen_used(&pen, pen.end - 0x20 - pen.at > 0x200
						       ? 0x100
						       : (pen.end - 0x20 - pen.at > 0x40
								  ? 0x20
								  : pen.end - 0x20 - pen.at));
			pen_heap_fence(&pen);
			builder_put(&b, at, values[value]);
			walk_image(&b, &heap);
			expect_state(&heap, THREAD_HEAP + 0x8d0 + 16, CHUNK_IN_USE);
			ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
			heap_deinit(&heap);
			image_builder_deinit(&b);
		}
}
END_TEST

START_TEST(a_first_header_with_no_room_behind_it)
{
	// A heap so small that nothing but the end of a header fits.
	for (uint64_t room = 8; room <= 0x40; room += 8)
		for (unsigned value = 0; value < 3; value++) {
			static const uint64_t values[] = { 0, 1, 0x25 };
			struct image_builder b;
			struct heap heap;

			image_builder_init(&b, GLIBC_2_36);

			struct pen pen = pen_thread_arena(&b, THREAD_HEAP, SIZE);

			if (room >= 16)
				builder_put(&b, pen.at + 8, values[value]);
			builder_put(&b, THREAD_HEAP + 16, pen.at + room - THREAD_HEAP);
			builder_put(&b, pen.arena + builder_layout(&b)->arena.top,
				    pen.at + 0x10000);
			walk_image(&b, &heap);
			ck_assert(!heap_is_exact(&heap));
			heap_deinit(&heap);
			image_builder_deinit(&b);
		}
}
END_TEST

START_TEST(a_stretch_that_ends_in_nothing)
{
	struct image_builder b;
	struct pen pen, newer;
	struct heap heap;

	heap_with_end(&b, &pen, &newer);

	vaddr last = pen_used(&pen, pen.end - pen.at);

	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, last, "neither top nor a fence");
	expect_failures(&heap, "ends", 1);
	expect_state(&heap, last, CHUNK_IN_USE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* ---- what is not in the image ---- */

START_TEST(a_page_that_is_missing_in_the_middle)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[2048];
	size_t n = 0;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	while (pen.end - pen.at > 0x1000)
		mems[n++] = pen_used(&pen, 0x50);
	pen_top(&pen);
	builder_absent(&b, BRK_HEAP + 0x5000, 0x2000);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.findings.n, 1);
	ck_assert_int_eq(heap.findings.v[0].kind, FINDING_MISSING);
	for (size_t i = 0; i < n; i++)
		if (mems[i] + 0x48 <= BRK_HEAP + 0x5000 || mems[i] - 16 >= BRK_HEAP + 0x7000)
			expect_state(&heap, mems[i], CHUNK_IN_USE);
	ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
	ck_assert(!heap_is_exact(&heap));
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_chunk_whose_inside_is_missing_is_whole)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	pen_used(&pen, 0x50);
	vaddr large = pen_used(&pen, 0x8000);

	pen_used(&pen, 0x50);
	pen_top(&pen);
	builder_absent(&b, BRK_HEAP + 0x2000, 0x1000);
	builder_untouched(&b, BRK_HEAP + 0x4000, 0x2000);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_chunk(&heap, large, 0x7ff8, CHUNK_IN_USE);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_heap_of_terabytes_that_nobody_touched)
{
	// A damaged header before an immense range without memory: it is not searched word by word.
	for (unsigned what = 0; what < 2; what++) {
		struct image_builder b;
		struct heap heap;
		uint64_t pagesize = UINT64_C(1) << 39, size = pagesize * 3;

		image_builder_init(&b, GLIBC_2_36);
		builder_put(&b, LIBC_MP + builder_layout(&b)->mp.hp_pagesize, pagesize);

		struct pen pen = pen_thread_arena(&b, pagesize * 4, SIZE);
		vaddr mem = pen_used(&pen, 0x40);

		pen_used(&pen, 0x50);
		builder_put(&b, pen.at + 8, 0);
		builder_put(&b, pagesize * 4 + 16, size);
		builder_put(&b, pen.arena + builder_layout(&b)->arena.top, pen.at + 0x10000);
		if (what)
			image_add_untouched(&b.target->image, pagesize * 4 + SIZE, size - SIZE,
					    NULL);
		walk_image(&b, &heap);
		expect_state(&heap, mem, CHUNK_IN_USE);
		ck_assert(!heap_is_exact(&heap));
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(much_that_is_absent_behind_damage)
{
	// 1 GiB: what is sound lies behind it, and is found.
	for (unsigned untouched = 0; untouched < 2; untouched++) {
		struct image_builder b;
		struct heap heap;
		uint64_t size = UINT64_C(1) << 30;
		vaddr start = size * 1000, end = start + size;

		image_builder_init(&b, GLIBC_2_36);
		builder_put(&b, LIBC_MP + builder_layout(&b)->mp.hp_pagesize, size / 4);

		struct pen pen = pen_thread_arena(&b, start, SIZE);

		pen_used(&pen, 0x40);
		builder_put(&b, start + 16, size);
		builder_map(&b, end - 0x2000, 0x2000, NULL);
		builder_put(&b, pen.at + 8, 0x4141414141414141);
		pen.at = end - 0x1000;
		pen.end = end;

		vaddr mem = pen_used(&pen, 0x60);

		pen_top(&pen);
		if (untouched)
			image_add_untouched(&b.target->image, start + SIZE, size - SIZE, NULL);
		walk_image(&b, &heap);
		expect_chunk(&heap, mem, 0x58, CHUNK_IN_USE);
		ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
		ck_assert_uint_eq(heap.findings.n, 1);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

UNIT_SUITE("pieces", used_free_and_top, a_top_of_nothing_but_its_header,
	   a_free_chunk_that_no_bin_holds, fences_and_what_others_took_with_sbrk,
	   a_gap_that_holds_what_looks_like_chunks, a_gap_that_leads_to_what_lies_behind,
	   a_gap_full_of_what_looks_like_chunks, a_gap_and_damage_behind_it,
	   a_gap_and_a_bin_that_names_what_is_no_chunk, a_fence_with_nothing_behind_it,
	   heaps_end_in_fences_of_several_forms, what_resembles_the_phantom_and_is_none,
	   a_fence_long_before_the_end_of_a_heap, a_top_of_no_size_in_a_heap,
	   used_chunks_without_the_mark_of_their_arena,
	   an_overwritten_size_is_found_and_the_walk_goes_on,
	   the_finding_names_address_neighbours_and_effect, the_very_first_header_is_damaged,
	   damage_that_resembles_something_sound, the_chunk_before_damage_keeps_its_state,
	   several_damaged_headers, a_size_that_leads_into_the_middle_of_a_chunk,
	   a_size_that_swallows_others_shows_in_the_bins, damage_that_no_sound_chunk_follows,
	   damage_anywhere_in_a_heap, a_first_header_with_no_room_behind_it,
	   a_stretch_that_ends_in_nothing, a_page_that_is_missing_in_the_middle,
	   a_chunk_whose_inside_is_missing_is_whole, a_heap_of_terabytes_that_nobody_touched,
	   much_that_is_absent_behind_damage)
