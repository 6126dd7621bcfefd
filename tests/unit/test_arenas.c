/* SPDX-License-Identifier: MIT */
/* Arenas: the ring, heaps and their chain, the main arena's segments wherever they are. */
#include "heap_expect.h"
#include "unit.h"

static const uint64_t HEAP_SIZE = 0x21000;

/* Another arena at its own 64 MiB, with two chunks in use and top. */
static struct pen arena_make(struct image_builder *b, unsigned index)
{
	struct pen pen = pen_thread_arena(b, THREAD_HEAP + index * HEAP_STRIDE, HEAP_SIZE);

	pen_used(&pen, 0x20);
	pen_used(&pen, 0x30);
	pen_top(&pen);
	return pen;
}

START_TEST(a_ring_of_arenas)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	struct pen pen = pen_main(&b, HEAP_SIZE);

	pen_used(&pen, 0x20);
	pen_top(&pen);
	for (unsigned i = 0; i < 3; i++)
		arena_make(&b, 2 * i);
	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.attached_threads, 5);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.arenas.n, 4);
	ck_assert(heap.arenas.v[0].is_main);
	ck_assert_uint_eq(heap.arenas.v[0].address, MAIN_ARENA);
	ck_assert_uint_eq(heap.arenas.v[0].attached_threads, 5);
	ck_assert_uint_eq(heap.arenas.v[0].system_bytes, HEAP_SIZE);
	// A new arena comes right behind main_arena.
	ck_assert_uint_eq(heap.arenas.v[1].address, THREAD_HEAP + 4 * HEAP_STRIDE + 0x30);
	ck_assert(!heap.arenas.v[1].is_main);
	ck_assert_uint_eq(heap.arenas.v[1].attached_threads, 1);
	ck_assert_uint_eq(heap.arenas.v[3].totals.count[CHUNK_IN_USE], 2);
	ck_assert_uint_eq(heap.sources.n, 4);
	ck_assert_int_eq(heap.sources.v[0].kind, SOURCE_SEGMENT);
	ck_assert_uint_eq(heap.sources.v[0].arena, 0);
	ck_assert_int_eq(heap.sources.v[3].kind, SOURCE_HEAP);
	ck_assert_uint_eq(heap.sources.v[3].arena, 1);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_process_that_never_called_malloc)
{
	for (int release = 0; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);
		// From 2.42 on top is the arena's own bin header at once; before that it is NULL until the first call, and the
		// bins are too.
		if (release % 2)
			builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.top,
				    bin_head(&b, MAIN_ARENA, 1));
		else
			for (vaddr at = bin_head(&b, MAIN_ARENA, 1) + 16;
			     at <= bin_head(&b, MAIN_ARENA, 126) + 24; at += 8)
				builder_put(&b, at, 0);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.arenas.n, 1);
		ck_assert_uint_eq(heap.chunks.n, 0);
		ck_assert_uint_eq(heap.sources.n, 0);
		ck_assert_uint_eq(heap.system_bytes, 0);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_ring_that_breaks_off)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	arena_make(&b, 0);

	struct pen second = arena_make(&b, 1);

	// main_arena, the second, then nowhere.
	builder_put(&b, second.arena + builder_layout(&b)->arena.next, 0x123450);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_MISSING, 0x123450, "breaks off here after 2");
	ck_assert_uint_eq(heap.arenas.n, 2);
	ck_assert(!heap_is_exact(&heap));
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_ring_through_an_address_that_is_not_aligned)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = arena_make(&b, 0);

	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.next, pen.arena + 4);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_MISSING, pen.arena + 4, "breaks off");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_ring_that_bites_itself)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen first = arena_make(&b, 0), second = arena_make(&b, 1), third = arena_make(&b, 2);

	// main, third, second, first, and back to the second.
	builder_put(&b, first.arena + builder_layout(&b)->arena.next, second.arena);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, second.arena, "comes back to this one");
	ck_assert_uint_eq(heap.arenas.n, 4);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 6);
	heap_deinit(&heap);
	image_builder_deinit(&b);

	// An arena that is its own next.
	image_builder_init(&b, GLIBC_2_36);
	third = arena_make(&b, 2);
	builder_put(&b, third.arena + builder_layout(&b)->arena.next, third.arena);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, third.arena, "comes back to this one");
	ck_assert_uint_eq(heap.arenas.n, 2);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(locked_arenas_are_counted)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_43);

	struct pen one = arena_make(&b, 0), two = arena_make(&b, 1);

	arena_make(&b, 2);
	builder_put_int(&b, one.arena, 1);
	builder_put_int(&b, two.arena, 2);
	walk_image(&b, &heap);
	expect_failed(&heap, "locks");
	expect_failures(&heap, "locks", 2);
	ck_assert_uint_eq(heap.findings.n, 0);
	ck_assert(!heap.arenas.v[0].locked);
	ck_assert(!heap.arenas.v[1].locked);
	ck_assert(heap.arenas.v[2].locked);
	ck_assert(heap.arenas.v[3].locked);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* An arena of three heaps: the older ones end in fences, the newest in top. */
static void three_heaps(struct image_builder *b, struct pen *pens)
{
	pens[0] = pen_thread_arena(b, THREAD_HEAP, HEAP_SIZE);
	pen_used(&pens[0], 0x40);
	pen_used(&pens[0], pens[0].end - 0x20 - pens[0].at);
	pen_heap_fence(&pens[0]);
	// Where heaps lie says nothing about their order.
	builder_map(b, THREAD_HEAP + 3 * HEAP_STRIDE, HEAP_SIZE, NULL);
	pens[1] = pen_heap(b, pens[0].arena, THREAD_HEAP + 3 * HEAP_STRIDE, HEAP_SIZE, THREAD_HEAP);
	pen_used(&pens[1], pens[1].end - 0x20 - pens[1].at);
	pen_heap_fence(&pens[1]);
	builder_map(b, THREAD_HEAP + HEAP_STRIDE, HEAP_SIZE, NULL);
	pens[2] = pen_heap(b, pens[0].arena, THREAD_HEAP + HEAP_STRIDE, HEAP_SIZE,
			   THREAD_HEAP + 3 * HEAP_STRIDE);
	pen_used(&pens[2], 0x50);
	pen_top(&pens[2]);
}

START_TEST(an_arena_of_several_heaps)
{
	for (int release = 0; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct pen pens[3];
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);
		three_heaps(&b, pens);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.sources.n, 3);
		ck_assert_uint_eq(heap.arenas.v[1].totals.count[CHUNK_IN_USE], 4);
		ck_assert_uint_eq(heap.arenas.v[1].totals.count[CHUNK_TOP], 1);
		ck_assert_uint_eq(heap.arenas.v[1].system_bytes, 3 * HEAP_SIZE);
		// The first chunk of a later heap follows heap_info, of the first one the arena too.
		expect_state(&heap,
			     THREAD_HEAP + HEAP_STRIDE + builder_layout(&b)->heap_info.size + 16,
			     CHUNK_IN_USE);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_chain_of_heaps_that_is_a_circle)
{
	static const vaddr backs[] = { THREAD_HEAP + HEAP_STRIDE, THREAD_HEAP + 3 * HEAP_STRIDE,
				       THREAD_HEAP };

	for (size_t i = 0; i < sizeof(backs) / sizeof(*backs); i++) {
		struct image_builder b;
		struct pen pens[3];
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);
		three_heaps(&b, pens);
		builder_put(&b, THREAD_HEAP + builder_layout(&b)->heap_info.prev, backs[i]);
		walk_image(&b, &heap);
		expect_finding(&heap, 1, FINDING_CORRUPTION, backs[i], "comes back to this one");
		// Each heap is walked once all the same.
		ck_assert_uint_eq(heap.sources.n, 3);
		ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 4);
		expect_failed(&heap, "ends");
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_heap_that_is_not_there)
{
	struct image_builder b;
	struct pen pens[3];
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	three_heaps(&b, pens);
	builder_absent(&b, THREAD_HEAP + 3 * HEAP_STRIDE, HEAP_SIZE);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_MISSING, THREAD_HEAP + 3 * HEAP_STRIDE,
		       "not in the image");
	expect_failed(&heap, "sizes ends");
	// What is newer was walked.
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 1);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_heap_that_cannot_be)
{
	// Of another arena, larger than a heap can be, smaller than its own header, around the end of addresses, not aligned.
	for (unsigned what = 0; what < 5; what++) {
		struct image_builder b;
		struct pen pens[3];
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);
		three_heaps(&b, pens);

		const struct glibc_layout *layout = builder_layout(&b);
		vaddr second = THREAD_HEAP + 3 * HEAP_STRIDE, about = second;

		if (what == 0)
			builder_put(&b, second + layout->heap_info.ar_ptr, MAIN_ARENA);
		else if (what == 1)
			builder_put(&b, second + layout->heap_info.size_member, 0x4000001);
		else if (what == 2)
			builder_put(&b, second + layout->heap_info.size_member,
				    layout->heap_info.size - 1);
		else if (what == 3)
			builder_put(&b, second + layout->heap_info.size_member, UINT64_MAX - 0xfff);
		else
			builder_put(&b, THREAD_HEAP + HEAP_STRIDE + layout->heap_info.prev,
				    about = second + 8);
		walk_image(&b, &heap);
		expect_finding(&heap, 1, what == 4 ? FINDING_MISSING : FINDING_CORRUPTION, about,
			       "");
		expect_failed(&heap, "sizes ends");
		ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 1);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_heap_at_the_end_of_the_address_space)
{
	struct image_builder b;
	struct pen pens[3];
	struct heap heap;
	vaddr last = -HEAP_STRIDE;

	image_builder_init(&b, GLIBC_2_36);
	three_heaps(&b, pens);

	const struct glibc_layout *layout = builder_layout(&b);

	builder_map(&b, last, HEAP_SIZE, NULL);
	pen_heap(&b, pens[0].arena, last, HEAP_STRIDE, THREAD_HEAP);
	builder_put(&b, THREAD_HEAP + HEAP_STRIDE + layout->heap_info.prev, last);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, last, "no heap of this arena");
	expect_failed(&heap, "sizes ends");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(an_older_heap_without_room_for_a_header)
{
	struct image_builder b;
	struct pen pens[3];
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	three_heaps(&b, pens);

	const struct glibc_layout *layout = builder_layout(&b);
	vaddr second = THREAD_HEAP + 3 * HEAP_STRIDE;

	builder_put(&b, second + layout->heap_info.size_member, layout->heap_info.size);
	builder_put(&b, pens[0].arena + layout->arena.system_mem,
		    2 * HEAP_SIZE + layout->heap_info.size);
	walk_image(&b, &heap);
	expect_failed(&heap, "ends");
	expect_failures(&heap, "ends", 1);
	ck_assert_uint_eq(heap.sources.n, 3);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(heaps_that_overlap)
{
	struct image_builder b;
	struct pen pens[3];
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	three_heaps(&b, pens);

	const struct glibc_layout *layout = builder_layout(&b);
	// In the middle of the newest heap a heap_info for the same arena.
	vaddr inner = THREAD_HEAP + HEAP_STRIDE + 0x4000;

	builder_put(&b, inner + layout->heap_info.ar_ptr, pens[0].arena);
	builder_put(&b, inner + layout->heap_info.prev, THREAD_HEAP + 3 * HEAP_STRIDE);
	builder_put(&b, inner + layout->heap_info.size_member, 0x1000);
	builder_put(&b, THREAD_HEAP + HEAP_STRIDE + layout->heap_info.prev, inner);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, inner, "overlap");
	ck_assert_uint_eq(heap.sources.n, 3);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 4);
	expect_failed(&heap, "ends");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(heaps_of_another_size_with_huge_pages)
{
	struct image_builder b;
	struct heap heap;
	// hugetlb=2: 2 MiB pages, so heaps of 8 MiB.
	vaddr second = THREAD_HEAP + (UINT64_C(8) << 20);

	image_builder_init(&b, GLIBC_2_36);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.hp_pagesize, 2 << 20);

	struct pen pen = pen_thread_arena(&b, THREAD_HEAP, HEAP_SIZE);

	pen_used(&pen, pen.end - 0x20 - pen.at);
	pen_heap_fence(&pen);
	builder_map(&b, second, HEAP_SIZE, NULL);

	struct pen newer = pen_heap(&b, pen.arena, second, HEAP_SIZE, THREAD_HEAP);

	pen_used(&newer, 0x100);
	pen_top(&newer);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.sources.n, 2);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 2);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(huge_pages_that_heaps_do_not_use)
{
	struct image_builder b;
	struct heap heap;

	// 2.42: hp_pagesize is set, and heaps have 64 MiB all the same. And sizes that cannot be.
	for (unsigned what = 0; what < 3; what++) {
		static const uint64_t pagesizes[] = { 2 << 20, 12345, UINT64_C(1) << 62 };

		image_builder_init(&b, GLIBC_2_42);
		builder_put(&b, LIBC_MP + builder_layout(&b)->mp.hp_pagesize, pagesizes[what]);

		struct pen pen = pen_thread_arena(&b, THREAD_HEAP, 0x1000000);

		pen_used(&pen, 0xa00000);
		pen_top(&pen);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 1);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(books_that_say_another_size)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_31);

	struct pen pen = pen_main(&b, HEAP_SIZE), other = arena_make(&b, 0);

	pen_used(&pen, 0x20);
	pen_top(&pen);
	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.system_mem, HEAP_SIZE + 0x1000);
	builder_put(&b, other.arena + builder_layout(&b)->arena.system_mem, HEAP_SIZE - 0x1000);
	walk_image(&b, &heap);
	expect_failed(&heap, "sizes");
	expect_failures(&heap, "sizes", 2);
	for (size_t i = 0; i < heap.checks.n; i++)
		if (strcmp(heap.checks.v[i].name, "sizes") == 0)
			ck_assert_ptr_nonnull(strstr(heap.checks.v[i].detail, "off by 8192 bytes"));
	ck_assert_uint_eq(heap.findings.n, 0);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(sbrk_base_behind_what_others_took)
{
	// A static executable's TLS, or tunables, stand at the start of the heap, and it starts at no multiple of 16.
	for (unsigned shift = 0; shift < 16; shift += 8) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);

		struct pen pen = pen_main(&b, HEAP_SIZE);
		const struct glibc_layout *layout = builder_layout(&b);

		for (vaddr at = BRK_HEAP; at < BRK_HEAP + 0xd40; at += 8)
			builder_put(&b, at, 0x21);
		builder_put(&b, LIBC_MP + layout->mp.sbrk_base, BRK_HEAP + 0xd40 + shift);
		builder_put(&b, MAIN_ARENA + layout->arena.system_mem, HEAP_SIZE - 0xd40 - shift);
		pen.at = BRK_HEAP + 0xd40 + (shift ? 16 : 0);

		vaddr mem = pen_used(&pen, 0x30);

		pen_top(&pen);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, 2);
		expect_chunk(&heap, mem, 0x28, CHUNK_IN_USE);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(a_main_arena_whose_start_is_not_known)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, HEAP_SIZE);

	pen_used(&pen, 0x20);
	pen_top(&pen);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.sbrk_base, 0x42);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_MISSING, LIBC_MP, "start of the main arena");
	expect_failed(&heap, "sizes ends");
	ck_assert_uint_eq(heap.chunks.n, 0);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

/* Top at or past the end of the heap's memory, or with a size that is: what can be walked is. */
START_TEST(a_top_that_cannot_be)
{
	for (unsigned what = 0; what < 6; what++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);

		struct pen pen = pen_main(&b, HEAP_SIZE);
		vaddr mem = pen_used(&pen, 0x20), next = pen_used(&pen, 0x400), top = pen_top(&pen);
		vaddr member = MAIN_ARENA + builder_layout(&b)->arena.top;

		if (what == 0)
			builder_put(&b, member, BRK_HEAP + HEAP_SIZE);
		else if (what == 1)
			builder_put(&b, member, BRK_HEAP + HEAP_SIZE + 0x1000);
		else if (what == 2)
			builder_put(&b, member, UINT64_MAX - 15);
		else if (what == 3)
			builder_put(&b, top + 8, UINT64_MAX);
		else if (what == 4)
			builder_put(&b, top + 8, 1);
		else
			builder_put(&b, member, top + 8);
		walk_image(&b, &heap);
		ck_assert(!heap_is_exact(&heap));
		expect_failures(&heap, "ends", 2);
		expect_chunk(&heap, mem, 0x18, CHUNK_IN_USE);
		expect_state(&heap, next, CHUNK_IN_USE);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

/* ---- after brk failed: segments in anonymous mappings ---- */

static const uint64_t SEGMENT = 0x100000;

/* A segment got by mmap: chunks from a page's start to a fence, or to top. */
static struct pen segment_make(struct image_builder *b, vaddr start, bool is_top)
{
	struct pen pen = { .b = b, .arena = MAIN_ARENA, .at = start, .end = start + SEGMENT };

	builder_map(b, start, SEGMENT, NULL);
	arena_add_system(b, MAIN_ARENA, SEGMENT);
	pen_used(&pen, 0x30);
	pen_used(&pen, 0x5000);
	if (is_top) {
		pen_top(&pen);
	} else {
		pen_used(&pen, pen.end - 0x20 - pen.at);
		pen_fence(&pen);
	}
	return pen;
}

static struct pen main_with_fence(struct image_builder *b)
{
	struct pen pen = pen_main(b, HEAP_SIZE);

	pen_used(&pen, 0x20);
	pen_used(&pen, pen.end - 0x20 - pen.at);
	pen_fence(&pen);
	builder_put_int(b, MAIN_ARENA + builder_layout(b)->arena.flags, ARENA_NONCONTIGUOUS);
	return pen;
}

START_TEST(segments_in_anonymous_mappings)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	main_with_fence(&b);
	// Two that merged with each other and a neighbour; top in the first of them by address.
	builder_map(&b, MMAPPED, 0x3000, NULL);
	segment_make(&b, MMAPPED + 0x3000, true);
	segment_make(&b, MMAPPED + 0x3000 + SEGMENT, false);
	segment_make(&b, 0x7fff00000000, false);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert(heap.arenas.v[0].noncontiguous);
	ck_assert_uint_eq(heap.sources.n, 4);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 2 + 2 + 3 + 3);
	ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 1);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(what_looks_like_a_segment_only_at_first)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	main_with_fence(&b);
	// A page that starts as a segment would, but whose chain leads nowhere; one that ends in a fence at no page's end.
	builder_map(&b, MMAPPED - 0x400000, 2 * SEGMENT, NULL);
	builder_put(&b, MMAPPED - 0x400000 + 8, 0x21);
	builder_put(&b, MMAPPED - 0x400000 + 0x28, 0x7);
	builder_put(&b, MMAPPED - 0x3ff000 + 8, 0x21);
	builder_put(&b, MMAPPED - 0x3ff000 + 0x28, 0x11);
	builder_put(&b, MMAPPED - 0x3ff000 + 0x38, 0x11);
	segment_make(&b, MMAPPED, true);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.sources.n, 2);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_segment_that_is_missing)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	main_with_fence(&b);
	segment_make(&b, MMAPPED, true);
	segment_make(&b, MMAPPED + 0x400000, false);
	builder_absent(&b, MMAPPED + 0x400000, 0x1000);
	walk_image(&b, &heap);
	expect_failed(&heap, "sizes");
	ck_assert_uint_eq(heap.sources.n, 2);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(searching_for_segments_is_linear)
{
	struct image_builder b;
	struct heap heap;

	// Half a million chunks; from each page a chain leads to the end of the memory and fails there.
	image_builder_init(&b, GLIBC_2_36);
	main_with_fence(&b);
	builder_map(&b, MMAPPED - 0x4000000, 16 << 20, NULL);

	struct pen pen = { .b = &b, .arena = MAIN_ARENA, .at = MMAPPED - 0x4000000 };

	while (pen.at < MMAPPED - 0x4000000 + (16 << 20))
		pen_used(&pen, 0x20);
	builder_put(&b, pen.at - 0x20 + 8, 0x4141414141414141);
	segment_make(&b, MMAPPED, true);
	walk_image(&b, &heap);
	ck_assert_uint_ge(heap.totals.count[CHUNK_IN_USE], 2);
	ck_assert_uint_lt(heap.totals.count[CHUNK_IN_USE], 10);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(foreign_gaps_before_brk_failed)
{
	// In the stretches behind a gap a chunk may start where a page does, as a segment would.
	for (unsigned gaps = 1; gaps <= 3; gaps++)
		for (unsigned at_page = 0; at_page < 2; at_page++) {
			struct image_builder b;
			struct heap heap;
			vaddr behind[3];

			image_builder_init(&b, GLIBC_2_36);

			struct pen pen = pen_main(&b, HEAP_SIZE);

			pen_used(&pen, 0x40);
			for (unsigned i = 0; i < gaps; i++) {
				pen_fence(&pen);
				pen.at += 0x810;
				behind[i] = pen_used(&pen, 0x50);
				if (at_page) {
					pen_used(&pen, BRK_HEAP + 0x4000 * (i + 1) - pen.at);
					pen_used(&pen, 0x60);
				}
				// The fence ends a page, or (of the last one) the heap.
				vaddr end = i + 1 < gaps ? (pen.at + 0x2000) & ~UINT64_C(0xfff)
							 : pen.end;

				pen_used(&pen, end - 0x20 - pen.at);
			}
			pen_fence(&pen);
			builder_put_int(&b, MAIN_ARENA + builder_layout(&b)->arena.flags,
					ARENA_NONCONTIGUOUS);
			segment_make(&b, MMAPPED, true);
			walk_image(&b, &heap);
			expect_exact(&heap);
			for (unsigned i = 0; i < gaps; i++)
				expect_chunk(&heap, behind[i], 0x48, CHUNK_IN_USE);
			ck_assert_uint_eq(heap.sources.n, 2);
			ck_assert_uint_eq(heap.totals.foreign, 0x810 * gaps);
			ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE],
					  3 + gaps * (at_page ? 4 : 2));
			heap_deinit(&heap);
			image_builder_deinit(&b);
		}
}
END_TEST

START_TEST(a_second_libc_never_had_brk)
{
	struct image_builder b;
	struct heap heap;

	// dlmopen: sbrk_base lies in an anonymous mapping, beside a heap of another arena.
	image_builder_init(&b, GLIBC_2_36);
	builder_put_int(&b, MAIN_ARENA + builder_layout(&b)->arena.flags, ARENA_NONCONTIGUOUS);
	segment_make(&b, THREAD_HEAP - SEGMENT, true);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.sbrk_base, THREAD_HEAP - SEGMENT);
	arena_make(&b, 0);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.sources.n, 2);
	ck_assert_uint_eq(heap.totals.count[CHUNK_TOP], 2);
	heap_deinit(&heap);
	image_builder_deinit(&b);

	// The same with a damaged header in it: its rest must not swallow the heap behind it.
	image_builder_init(&b, GLIBC_2_36);
	builder_put_int(&b, MAIN_ARENA + builder_layout(&b)->arena.flags, ARENA_NONCONTIGUOUS);
	segment_make(&b, THREAD_HEAP - SEGMENT, true);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.sbrk_base, THREAD_HEAP - SEGMENT);
	arena_make(&b, 0);
	builder_put(&b, THREAD_HEAP - SEGMENT + 0x38, 0);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.sources.n, 2);
	ck_assert_uint_eq(heap.sources.v[0].end, THREAD_HEAP);
	ck_assert_uint_eq(heap.arenas.v[1].totals.count[CHUNK_IN_USE], 2);
	ck_assert_uint_eq(heap.arenas.v[1].totals.count[CHUNK_TOP], 1);
	ck_assert(!heap_is_exact(&heap));
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_fence_across_the_end_of_a_segment)
{
	struct image_builder b;
	struct heap heap;

	// The last header has the size of a fence, and what would be its second one belongs to the heap behind.
	image_builder_init(&b, GLIBC_2_36);
	builder_put_int(&b, MAIN_ARENA + builder_layout(&b)->arena.flags, ARENA_NONCONTIGUOUS);

	struct pen pen = segment_make(&b, THREAD_HEAP - SEGMENT, true);

	builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.top, 0x10000);
	pen.at = THREAD_HEAP - SEGMENT + 0x30;
	pen_used(&pen, SEGMENT - 0x40);
	pen_used(&pen, 0x10);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.sbrk_base, THREAD_HEAP - SEGMENT);

	struct pen other = arena_make(&b, 0);

	builder_put(&b, THREAD_HEAP + 8, 0x11);
	walk_image(&b, &heap);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_uint_eq(heap.totals.foreign, 0);
	ck_assert_uint_eq(heap.sources.n, 2);
	ck_assert_uint_eq(heap.sources.v[0].end, THREAD_HEAP);
	expect_state(&heap, THREAD_HEAP - SEGMENT + 16, CHUNK_IN_USE);
	ck_assert_uint_eq(other.arena, THREAD_HEAP + 0x30);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

UNIT_SUITE("arenas", a_ring_of_arenas, a_process_that_never_called_malloc, a_ring_that_breaks_off,
	   a_ring_through_an_address_that_is_not_aligned, a_ring_that_bites_itself,
	   locked_arenas_are_counted, an_arena_of_several_heaps, a_chain_of_heaps_that_is_a_circle,
	   a_heap_that_is_not_there, a_heap_that_cannot_be, a_heap_at_the_end_of_the_address_space,
	   an_older_heap_without_room_for_a_header, heaps_that_overlap,
	   heaps_of_another_size_with_huge_pages, huge_pages_that_heaps_do_not_use,
	   books_that_say_another_size, sbrk_base_behind_what_others_took,
	   a_main_arena_whose_start_is_not_known, a_top_that_cannot_be,
	   segments_in_anonymous_mappings, what_looks_like_a_segment_only_at_first,
	   a_segment_that_is_missing, searching_for_segments_is_linear,
	   foreign_gaps_before_brk_failed, a_second_libc_never_had_brk,
	   a_fence_across_the_end_of_a_segment)
