/* SPDX-License-Identifier: MIT */
/* Bins: circular lists and what breaks them, fast bins plain and with safe linking. */
#include "heap_expect.h"
#include "unit.h"

static const uint64_t SIZE = 0x21000;

enum { N = 12 };

/* A main arena with N chunks of 0x90 bytes, a chunk in use behind each; the first n of them are free and in the bin of their
   size, in order. */
static void heap_make(struct image_builder *b, enum glibc_release release, unsigned n,
		      vaddr *chunks)
{
	image_builder_init(b, release);

	struct pen pen = pen_main(b, SIZE);

	for (unsigned i = 0; i < N; i++) {
		if (i < n) {
			chunks[i] = pen_free(&pen, 0x90);
			builder_bin(b, MAIN_ARENA, bin_of(0x90), chunks[i]);
		} else {
			chunks[i] = pen_used(&pen, 0x90) - CHUNK_HEADER;
		}
		pen_used(&pen, 0x20);
	}
	pen_top(&pen);
}

static void done(struct image_builder *b, struct heap *heap)
{
	heap_deinit(heap);
	image_builder_deinit(b);
}

START_TEST(each_kind_of_bin_gives_its_state)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);
	vaddr chunks[5];
	static const struct {
		unsigned bin;
		uint64_t size;
		enum chunk_state state;
	} kinds[5] = {
		{ 1, 0x60, CHUNK_UNSORTED },  { 2, 0x20, CHUNK_SMALL },
		{ 63, 0x3f0, CHUNK_SMALL },   { 64, 0x400, CHUNK_LARGE },
		{ 126, 0x8000, CHUNK_LARGE },
	};

	for (unsigned i = 0; i < 5; i++) {
		chunks[i] = pen_free(&pen, kinds[i].size);
		builder_bin(&b, MAIN_ARENA, kinds[i].bin, chunks[i]);
		pen_used(&pen, 0x20);
	}
	pen_top(&pen);
	walk_image(&b, &heap);
	expect_exact(&heap);
	for (unsigned i = 0; i < 5; i++)
		expect_chunk(&heap, chunks[i] + 16, kinds[i].size - 8, kinds[i].state);
	ck_assert_uint_eq(heap_totals_free(&heap.totals),
			  0x60 + 0x20 + 0x3f0 + 0x400 + 0x8000 - 40);
	done(&b, &heap);
}
END_TEST

START_TEST(lists_of_every_length)
{
	for (unsigned n = 0; n <= N; n++) {
		struct image_builder b;
		struct heap heap;
		vaddr chunks[N];

		heap_make(&b, GLIBC_2_43, n, chunks);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], n);
		ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 2 * N - n);
		done(&b, &heap);
	}
}
END_TEST

/* One link of a list of n chunks leads elsewhere: all chunks of the list are known all the same, from its other end. */
START_TEST(one_link_that_leads_elsewhere)
{
	static const uint64_t elsewhere[] = {
		0,
		0x10,
		BRK_HEAP + SIZE + 0x10000,
		0x4141414141414141,
		UINT64_MAX - 15,
		BRK_HEAP + 0x2008,
		BRK_HEAP + 0x3000,
	};

	for (unsigned n = 1; n <= 4; n++)
		for (unsigned link = 0; link < 2 * (n + 1); link++)
			for (size_t e = 0; e < sizeof(elsewhere) / sizeof(*elsewhere); e++) {
				struct image_builder b;
				struct heap heap;
				vaddr chunks[N];

				heap_make(&b, GLIBC_2_36, n, chunks);

				vaddr at = link / 2 < n ? chunks[link / 2]
							: bin_head(&b, MAIN_ARENA, bin_of(0x90));

				builder_put(&b, at + (link % 2 ? 24 : 16), elsewhere[e]);
				walk_image(&b, &heap);
				ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], n);
				expect_failed(&heap, "bins");
				expect_failures(&heap, "bins", 1);
				ck_assert_uint_eq(heap.findings.n, 1);
				ck_assert_int_eq(heap.findings.v[0].kind, FINDING_CORRUPTION);
				ck_assert_ptr_nonnull(strstr(heap.findings.v[0].text,
							     "bin 9 of this arena is broken"));
				done(&b, &heap);
			}
}
END_TEST

START_TEST(two_broken_links_lose_what_lies_between)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 6, chunks);
	builder_put(&b, chunks[1] + 16, 0);
	builder_put(&b, chunks[4] + 24, 0);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], 4);
	ck_assert_uint_eq(heap.totals.count[CHUNK_FREE], 2);
	expect_state(&heap, chunks[2] + 16, CHUNK_FREE);
	expect_state(&heap, chunks[3] + 16, CHUNK_FREE);
	expect_failures(&heap, "bins", 3);
	ck_assert_uint_eq(heap.findings.n, 3);
	ck_assert_uint_eq(findings_about(&heap, FINDING_CORRUPTION, chunks[1]), 1);
	ck_assert_uint_eq(findings_about(&heap, FINDING_AMBIGUOUS, chunks[2] + 16), 1);
	done(&b, &heap);
}
END_TEST

START_TEST(a_circle_that_does_not_come_back_to_the_bin)
{
	for (unsigned back = 0; back < 5; back++) {
		struct image_builder b;
		struct heap heap;
		vaddr chunks[N];

		heap_make(&b, GLIBC_2_36, 5, chunks);
		// The last one's next is an earlier one, and believes it.
		builder_put(&b, chunks[4] + 16, chunks[back]);
		walk_image(&b, &heap);
		expect_failed(&heap, "bins");
		ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], 5);
		done(&b, &heap);

		heap_make(&b, GLIBC_2_36, 5, chunks);
		builder_put(&b, chunks[4] + 16, chunks[back]);
		builder_put(&b, chunks[back] + 24, chunks[4]);
		builder_put(&b, bin_head(&b, MAIN_ARENA, bin_of(0x90)) + 24, chunks[0]);
		walk_image(&b, &heap);
		expect_failures(&heap, "bins", 1 + heap.totals.count[CHUNK_FREE]);
		ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL] + heap.totals.count[CHUNK_FREE],
				  5);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(all_bins_in_one_circle)
{
	// Each head leads to the next head, the last through all chunks to the first: consistent in itself, and wrong. Each
	// of 126 lists would have them all.
	struct image_builder b;
	struct heap heap;
	vaddr last;
	uint64_t n = 0;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_main(&b, SIZE);

	last = bin_head(&b, MAIN_ARENA, 126);
	for (unsigned bin = 1; bin < 126; bin++) {
		builder_put(&b, bin_head(&b, MAIN_ARENA, bin) + 16,
			    bin_head(&b, MAIN_ARENA, bin + 1));
		builder_put(&b, bin_head(&b, MAIN_ARENA, bin + 1) + 24,
			    bin_head(&b, MAIN_ARENA, bin));
	}
	for (; pen.end - pen.at > 0x1000; n++) {
		vaddr chunk = pen_used(&pen, 0x20) - CHUNK_HEADER;

		builder_put(&b, last + 16, chunk);
		builder_put(&b, chunk + 24, last);
		last = chunk;
	}
	builder_put(&b, last + 16, bin_head(&b, MAIN_ARENA, 1));
	builder_put(&b, bin_head(&b, MAIN_ARENA, 1) + 24, last);
	pen_top(&pen);
	walk_image(&b, &heap);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_uint_gt(n, 4000);
	// No more entries than there is room for chunks in the image, and a broken list for each bin.
	for (size_t i = 0; i < heap.checks.n; i++)
		if (strcmp(heap.checks.v[i].name, "bins") == 0)
			ck_assert_uint_le(heap.checks.v[i].failures, 3 * n);
	done(&b, &heap);
}
END_TEST

START_TEST(a_bin_that_holds_what_is_no_chunk)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 2, chunks);
	builder_bin(&b, MAIN_ARENA, 9, chunks[5] + 0x20);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, chunks[5] + 0x30,
		       "a small bin holds this address");
	ck_assert_uint_eq(heap.findings.v[0].arena, 0);
	expect_failures(&heap, "bins", 1);
	expect_state(&heap, chunks[5] + 16, CHUNK_IN_USE);
	done(&b, &heap);
}
END_TEST

START_TEST(a_bin_that_holds_a_chunk_in_use)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 2, chunks);
	builder_bin(&b, MAIN_ARENA, 1, chunks[5]);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_AMBIGUOUS, chunks[5] + 16,
		       "its neighbour says that it is in use");
	expect_failures(&heap, "bins", 1);
	expect_state(&heap, chunks[5] + 16, CHUNK_UNSORTED);
	done(&b, &heap);
}
END_TEST

START_TEST(a_chunk_in_two_lists)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 2, chunks);
	// In a fast bin as well: its link there is its fd, too, so the small bin must have just this one.
	image_builder_deinit(&b);
	heap_make(&b, GLIBC_2_31, 1, chunks);
	builder_put(&b, fastbin_head(&b, MAIN_ARENA, 7), chunks[0]);
	walk_image(&b, &heap);
	// The fd of the small bin leads the fast bin on, into the arena.
	ck_assert_uint_ge(findings_about(&heap, FINDING_CORRUPTION, chunks[0] + 16), 1);
	expect_state(&heap, chunks[0] + 16, CHUNK_SMALL);
	expect_failures(&heap, "bins", heap.findings.n);
	done(&b, &heap);
}
END_TEST

START_TEST(bins_of_another_arena)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);

	struct pen pen = pen_thread_arena(&b, THREAD_HEAP, SIZE);
	vaddr first = pen_free(&pen, 0x90);

	pen_used(&pen, 0x30);

	vaddr second = pen_free(&pen, 0x200);

	pen_used(&pen, 0x30);
	pen_top(&pen);
	builder_bin(&b, pen.arena, 9, first);
	builder_bin(&b, pen.arena, 1, second);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_state(&heap, first + 16, CHUNK_SMALL);
	expect_state(&heap, second + 16, CHUNK_UNSORTED);
	done(&b, &heap);

	// Broken: the finding names the arena.
	image_builder_init(&b, GLIBC_2_36);
	pen = pen_thread_arena(&b, THREAD_HEAP, SIZE);
	pen_used(&pen, 0x30);
	pen_top(&pen);
	builder_put(&b, bin_head(&b, pen.arena, 20) + 16, 0);
	walk_image(&b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, bin_head(&b, pen.arena, 20), "bin 20");
	ck_assert_uint_eq(heap.findings.v[0].arena, 1);
	done(&b, &heap);
}
END_TEST

START_TEST(a_bin_whose_arena_is_not_in_the_image)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 3, chunks);
	// The upper bins' heads.
	builder_absent(&b, LIBC + 0x1000, 0x400);
	walk_image(&b, &heap);
	ck_assert_uint_ge(heap.findings.n, 1);
	expect_state(&heap, chunks[0] + 16, CHUNK_SMALL);
	ck_assert(!heap_is_exact(&heap));
	done(&b, &heap);
}
END_TEST

/* ---- fast bins ---- */

START_TEST(fast_bins_plain_and_with_safe_linking)
{
	for (int release = 0; release < GLIBC_2_43; release++) {
		struct image_builder b;
		struct heap heap;
		vaddr chunks[N];

		heap_make(&b, (enum glibc_release)release, 0, chunks);
		for (unsigned i = 0; i < 5; i++)
			builder_fastbin(&b, MAIN_ARENA, i < 4 ? 7 : 9, chunks[2 * i]);
		walk_image(&b, &heap);
		expect_exact(&heap);
		for (unsigned i = 0; i < N; i++)
			expect_chunk(&heap, chunks[i] + 16, 0x88,
				     i < 10 && i % 2 == 0 ? CHUNK_FAST : CHUNK_IN_USE);
		ck_assert_uint_eq(heap.totals.count[CHUNK_FAST], 5);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(the_layout_without_fast_bins_has_none)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_43, 0, chunks);
	walk_image(&b, &heap);
	ck_assert_uint_eq(builder_layout(&b)->arena.n_fastbins, 0);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.totals.count[CHUNK_FAST], 0);
	done(&b, &heap);
}
END_TEST

/* A fast bin of n chunks whose last one leads back to the k-th: each counts once, and one finding says it. */
START_TEST(a_fast_bin_that_is_a_circle)
{
	for (int release = GLIBC_2_31; release <= GLIBC_2_36; release++)
		for (unsigned n = 1; n <= N; n++)
			for (unsigned back = 0; back < n; back++) {
				struct image_builder b;
				struct heap heap;
				vaddr chunks[N];

				heap_make(&b, (enum glibc_release)release, 0, chunks);
				// The list goes from chunks[0] to chunks[n - 1].
				for (unsigned i = n; i-- > 0;)
					builder_fastbin(&b, MAIN_ARENA, 7, chunks[i]);
				builder_put(&b, chunks[n - 1] + 16,
					    link_stored(&b, chunks[n - 1] + 16, chunks[back]));
				walk_image(&b, &heap);
				expect_finding(&heap, 1, FINDING_CORRUPTION, chunks[n - 1] + 16,
					       "fast bin 7");
				expect_failures(&heap, "bins", 1);
				ck_assert_uint_eq(heap.totals.count[CHUNK_FAST], n);
				done(&b, &heap);
			}
}
END_TEST

START_TEST(a_fast_bin_that_leads_elsewhere)
{
	for (unsigned what = 0; what < 4; what++) {
		struct image_builder b;
		struct heap heap;
		vaddr chunks[N];

		heap_make(&b, GLIBC_2_36, 0, chunks);
		builder_fastbin(&b, MAIN_ARENA, 7, chunks[1]);
		builder_fastbin(&b, MAIN_ARENA, 7, chunks[0]);
		switch (what) {
		case 0: // not aligned: as a link that was overwritten is, nearly always
			builder_put(&b, chunks[1] + 16, 0x4141414141414141);
			break;
		case 1: // nowhere
			builder_put(&b, chunks[1] + 16, link_stored(&b, chunks[1] + 16, 0x10));
			break;
		case 2: // the head itself
			builder_put(&b, fastbin_head(&b, MAIN_ARENA, 7), 0x123);
			break;
		case 3: // into the middle of a chunk, where the list ends
			builder_put(&b, chunks[1] + 16,
				    link_stored(&b, chunks[1] + 16, chunks[4] + 0x20));
			builder_put(&b, chunks[4] + 0x30, link_stored(&b, chunks[4] + 0x30, 0));
			break;
		}
		walk_image(&b, &heap);
		expect_failed(&heap, "bins");
		ck_assert_uint_eq(heap.totals.count[CHUNK_FAST], what == 2 ? 0 : 2);
		if (what == 0)
			expect_finding(&heap, 1, FINDING_CORRUPTION, chunks[1] + 16, "fast bin 7");
		else if (what == 3)
			expect_finding(&heap, 1, FINDING_CORRUPTION, chunks[4] + 0x30,
				       "no chunk starts here");
		else if (what == 2)
			expect_finding(&heap, 1, FINDING_CORRUPTION,
				       fastbin_head(&b, MAIN_ARENA, 7), "fast bin 7");
		done(&b, &heap);
	}
}
END_TEST

START_TEST(a_fast_chunk_that_looks_free)
{
	struct image_builder b;
	struct heap heap;
	vaddr chunks[N];

	heap_make(&b, GLIBC_2_36, 0, chunks);
	builder_fastbin(&b, MAIN_ARENA, 7, chunks[3]);
	// PREV_INUSE of the next one.
	builder_put(&b, chunks[3] + 0x98, 0x20);
	walk_image(&b, &heap);
	ck_assert_uint_ge(findings_about(&heap, FINDING_CORRUPTION, chunks[3] + 16), 1);
	expect_failed(&heap, "bins");
	done(&b, &heap);
}
END_TEST

UNIT_SUITE("bins", each_kind_of_bin_gives_its_state, lists_of_every_length,
	   one_link_that_leads_elsewhere, two_broken_links_lose_what_lies_between,
	   a_circle_that_does_not_come_back_to_the_bin, all_bins_in_one_circle,
	   a_bin_that_holds_what_is_no_chunk, a_bin_that_holds_a_chunk_in_use, a_chunk_in_two_lists,
	   bins_of_another_arena, a_bin_whose_arena_is_not_in_the_image,
	   fast_bins_plain_and_with_safe_linking, the_layout_without_fast_bins_has_none,
	   a_fast_bin_that_is_a_circle, a_fast_bin_that_leads_elsewhere,
	   a_fast_chunk_that_looks_free)
