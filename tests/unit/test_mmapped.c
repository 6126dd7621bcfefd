/* SPDX-License-Identifier: MIT */
/* Chunks that are mappings of their own: with an offset or without, merged, moved, imitated. */
#include "heap_expect.h"
#include "unit.h"

static void done(struct image_builder *b, struct heap *heap)
{
	heap_deinit(heap);
	image_builder_deinit(b);
}

static void expect_mmapped(const struct heap *heap, vaddr mem, uint64_t usable)
{
	expect_chunk(heap, mem, usable, CHUNK_IN_USE);
	ck_assert_uint_eq(heap->chunks.kind[chunks_at(&heap->chunks, mem)], CHUNK_MMAPPED);
}

START_TEST(a_plain_one)
{
	for (int release = 0; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);
		builder_map(&b, MMAPPED, 0x2000, NULL);

		vaddr mem = builder_mmapped(&b, MMAPPED, 0x2000, 0);

		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, 1);
		// Up to 2.42 usable is the size less 16, from 2.43 the size (16 less than the mapping) less 8.
		expect_mmapped(&heap, mem, release < GLIBC_2_43 ? 0x2000 - 16 : 0x2000 - 16 - 8);
		ck_assert_uint_eq(heap.allocators.v[0].found_mmaps, 1);
		ck_assert_uint_eq(heap.allocators.v[0].n_mmaps, 1);
		ck_assert_uint_eq(heap.allocators.v[0].found_mmapped_bytes, 0x2000);
		ck_assert_uint_eq(heap.system_bytes, 0x2000);
		done(&b, &heap);
	}
}
END_TEST

/* memalign leaves the header at the base as it was, and writes its own further in. */
START_TEST(offset_headers_of_every_alignment)
{
	for (int release = GLIBC_2_36; release <= GLIBC_2_43; release++)
		for (uint64_t align = 32; align <= 0x10000; align *= 2) {
			struct image_builder b;
			struct heap heap;
			uint64_t offset = align - 16, total = (0x3000 + align) & ~UINT64_C(0xfff);

			image_builder_init(&b, (enum glibc_release)release);
			builder_map(&b, MMAPPED, total, NULL);
			builder_put(&b, MMAPPED + 8,
				    (total - builder_layout(&b)->mmapped_tail) | 2);

			vaddr mem = builder_mmapped(&b, MMAPPED, total, offset);

			walk_image(&b, &heap);
			expect_exact(&heap);
			ck_assert_uint_eq(heap.chunks.n, 1);
			expect_mmapped(&heap, mem,
				       total - offset -
					       (builder_layout(&b)->mmapped_tail ? 24 : 16));
			done(&b, &heap);
		}
}
END_TEST

START_TEST(a_moved_one_keeps_its_offset_and_a_stale_base)
{
	// mremap made it smaller: the header at the base tells the old size. Any multiple of the page size less 16 is tried.
	for (unsigned k = 1; k < 6; k++) {
		struct image_builder b;
		struct heap heap;
		uint64_t offset = k * 0x1000 - 16;

		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, MMAPPED, 0x8000, NULL);
		builder_put(&b, MMAPPED + 8, 0x200000 | 2);

		vaddr mem = builder_mmapped(&b, MMAPPED, 0x8000, offset);

		walk_image(&b, &heap);
		expect_exact(&heap);
		expect_mmapped(&heap, mem, 0x8000 - offset - 16);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(a_stale_base_without_an_offset_header)
{
	// Neither its own mapping nor anything in it fits: no chunk.
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED, 0x8000, NULL);
	builder_put(&b, MMAPPED + 8, 0x9000 | 2);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.chunks.n, 0);
	expect_exact(&heap);
	done(&b, &heap);
}
END_TEST

START_TEST(merged_mappings)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[5];

	image_builder_init(&b, GLIBC_2_36);
	// Something else, three chunks, something else, two chunks; in one mapping and one that follows it.
	builder_map(&b, MMAPPED, 0x10000, NULL);
	builder_map(&b, MMAPPED + 0x10000, 0x10000, "[anon:name]");
	for (vaddr at = MMAPPED; at < MMAPPED + 0x20000; at += 0x1000)
		builder_put(&b, at, 0x6161616161616161);
	mems[0] = builder_mmapped(&b, MMAPPED + 0x2000, 0x1000, 0);
	mems[1] = builder_mmapped(&b, MMAPPED + 0x3000, 0x4000, 48);
	builder_put(&b, MMAPPED + 0x3000, 0);
	builder_put(&b, MMAPPED + 0x3008, 0x4000 | 2);
	mems[2] = builder_mmapped(&b, MMAPPED + 0x7000, 0x2000, 0);
	mems[3] = builder_mmapped(&b, MMAPPED + 0xd000, 0x8000, 0);
	mems[4] = builder_mmapped(&b, MMAPPED + 0x1f000, 0x1000, 0);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.chunks.n, 5);
	expect_mmapped(&heap, mems[0], 0xff0);
	expect_mmapped(&heap, mems[1], 0x4000 - 48 - 16);
	expect_mmapped(&heap, mems[2], 0x1ff0);
	expect_mmapped(&heap, mems[3], 0x7ff0);
	expect_mmapped(&heap, mems[4], 0xff0);
	done(&b, &heap);
}
END_TEST

START_TEST(a_chunk_does_not_reach_over_a_gap)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED, 0x2000, NULL);
	builder_map(&b, MMAPPED + 0x3000, 0x2000, NULL);
	builder_put(&b, MMAPPED + 8, 0x5000 | 2);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.chunks.n, 0);
	done(&b, &heap);

	// Nor into a heap, nor into memory of a file.
	for (unsigned what = 0; what < 2; what++) {
		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, THREAD_HEAP - 0x2000, 0x2000, NULL);
		builder_put(&b, THREAD_HEAP - 0x2000 + 8, 0x3000 | 2);
		if (what) {
			builder_map(&b, THREAD_HEAP, 0x21000, "/file");
		} else {
			struct pen pen = pen_thread_arena(&b, THREAD_HEAP, 0x21000);

			pen_used(&pen, 0x20);
			pen_top(&pen);
		}
		walk_image(&b, &heap);
		ck_assert_uint_eq(heap.chunks.n, what ? 0 : 2);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(only_private_anonymous_memory_is_searched)
{
	for (unsigned what = 0; what < 4; what++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, MMAPPED, 0x2000,
			    what == 1	? "/a/file"
			    : what == 3 ? "/anon_hugepage"
					: NULL);
		for (size_t i = 0; i < b.target->mappings.n; i++)
			if (b.target->mappings.v[i].start == MMAPPED) {
				if (what == 0)
					b.target->mappings.v[i].shared = true;
				else if (what == 2)
					b.target->mappings.v[i].prot = MAPPING_READ;
			}
		builder_mmapped(&b, MMAPPED, 0x2000, 0);
		walk_image(&b, &heap);
		if (what == 3) {
			expect_exact(&heap);
		} else {
			ck_assert_uint_eq(heap.chunks.n, 0);
			expect_failed(&heap, "mmapped");
		}
		done(&b, &heap);
	}
}
END_TEST

START_TEST(headers_that_are_none)
{
	static const uint64_t headers[][2] = {
		{ 0, 0x2000 },		// not mmapped
		{ 0, 0x2000 | 3 },	// with another flag
		{ 0, 0x2000 | 6 },	// of an arena
		{ 16, 0x2000 | 2 },	// an offset that it does not have
		{ 1, 0x2000 | 2 },	// huge pages, which this glibc does not know
		{ 0, 0x1ff0 | 2 },	// no whole pages
		{ 0, 2 },		// nothing
		{ 0, UINT64_MAX - 13 }, // everything
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, MMAPPED, 0x10000, NULL);
		builder_put(&b, MMAPPED, headers[i][0]);
		builder_put(&b, MMAPPED + 8, headers[i][1]);
		walk_image(&b, &heap);
		ck_assert_uint_eq(heap.chunks.n, 0);
		expect_exact(&heap);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(offset_headers_that_are_none)
{
	static const struct {
		uint64_t offset, size;
	} headers[] = {
		{ 0x30, 0x4fd0 },		// ends behind the memory
		{ 0x2ff0, 0x10 },		// smaller than any chunk
		{ 0x1ff0, 0xfffffffffffff010 }, // ends before it starts
		{ 0x40, 0x2fc0 },		// at an offset that no alignment gives
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, MMAPPED, 0x3000, NULL);

		vaddr mem = builder_mmapped(&b, MMAPPED, 0x3000, 0);

		builder_put(&b, MMAPPED + headers[i].offset, headers[i].offset);
		builder_put(&b, MMAPPED + headers[i].offset + 8, headers[i].size | 2);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.chunks.n, 1);
		expect_mmapped(&heap, mem, 0x2ff0);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(what_a_chunk_holds_is_no_header)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED, 0x5000, NULL);

	vaddr mem = builder_mmapped(&b, MMAPPED, 0x4000, 0);

	builder_put(&b, MMAPPED + 0x1008, 0x1002);
	builder_put(&b, MMAPPED + 0x3008, 0x2002);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.chunks.n, 1);
	expect_mmapped(&heap, mem, 0x3ff0);
	done(&b, &heap);
}
END_TEST

START_TEST(an_offset_header_far_behind)
{
	// Aligned to 8 GiB, in a mapping of 16: nearly all of it was never touched.
	for (unsigned untouched = 0; untouched < 2; untouched++) {
		struct image_builder b;
		struct heap heap;
		const uint64_t size = UINT64_C(16) << 30, offset = (UINT64_C(12) << 30) - 16;
		const vaddr base = UINT64_C(0x200000000000);
		const vaddr n_mmaps = LIBC_MP + release_layout(GLIBC_2_36).mp.n_mmaps;

		image_builder_init(&b, GLIBC_2_36);
		builder_map(&b, base, 0x1000, NULL);
		builder_map(&b, base + offset + 16 - 0x1000, 0x2000, NULL);
		for (size_t i = 0; i < b.target->mappings.n; i++)
			if (b.target->mappings.v[i].start == base)
				b.target->mappings.v[i].end = base + offset + 16 - 0x1000;
			else if (b.target->mappings.v[i].start == base + offset + 16 - 0x1000)
				b.target->mappings.v[i].end = base + size;
		builder_put(&b, base + 8, size | 2);
		builder_put(&b, base + offset, offset);
		builder_put(&b, base + offset + 8, (size - offset) | 2);
		builder_put_int(&b, n_mmaps, 1);
		builder_put(&b, LIBC_MP + builder_layout(&b)->mp.mmapped_mem, size);
		if (untouched)
			image_add_untouched(&b.target->image, base, size, NULL);
		walk_image(&b, &heap);
		expect_exact(&heap);
		expect_mmapped(&heap, base + offset + 16, size - offset - 16);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(the_tail_and_huge_pages_since_2_43)
{
	struct image_builder b;
	struct heap heap;

	// prev_size bit 0 says «huge pages» there.
	image_builder_init(&b, GLIBC_2_43);
	builder_map(&b, MMAPPED, 0x400000, NULL);

	vaddr mem = builder_mmapped(&b, MMAPPED, 0x400000, 0);

	builder_put(&b, MMAPPED, 1);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_mmapped(&heap, mem, 0x400000 - 24);
	done(&b, &heap);

	// A header of older releases is none: the total would be no whole pages.
	image_builder_init(&b, GLIBC_2_43);
	builder_map(&b, MMAPPED, 0x2000, NULL);
	builder_put(&b, MMAPPED + 8, 0x2000 | 2);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.chunks.n, 0);
	done(&b, &heap);

	// Its account of bytes drifts, so only the count is compared.
	image_builder_init(&b, GLIBC_2_43);
	builder_map(&b, MMAPPED, 0x2000, NULL);
	builder_mmapped(&b, MMAPPED, 0x2000, 0);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.mmapped_mem, 0x2010);
	walk_image(&b, &heap);
	expect_exact(&heap);
	done(&b, &heap);
}
END_TEST

START_TEST(a_decoy_shows_in_the_account)
{
	for (int release = GLIBC_2_36; release <= GLIBC_2_43; release++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);
		builder_map(&b, MMAPPED, 0x6000, NULL);
		builder_mmapped(&b, MMAPPED, 0x2000, 0);
		// The program's own page, which looks just like one.
		builder_put(&b, MMAPPED + 0x3008, (0x2000 - builder_layout(&b)->mmapped_tail) | 2);
		walk_image(&b, &heap);
		expect_failed(&heap, "mmapped");
		expect_failures(&heap, "mmapped", 1);
		ck_assert_uint_eq(heap.allocators.v[0].found_mmaps, 2);
		ck_assert_uint_eq(heap.allocators.v[0].found_mmapped_bytes, 0x4000);
		done(&b, &heap);
	}
}
END_TEST

START_TEST(a_decoy_of_another_size_is_known_by_the_books)
{
	for (int release = GLIBC_2_36; release <= GLIBC_2_43; release++) {
		struct image_builder b;
		struct heap heap;

		image_builder_init(&b, (enum glibc_release)release);
		builder_map(&b, MMAPPED, 0x9000, NULL);

		vaddr first = builder_mmapped(&b, MMAPPED, 0x2000, 0);
		vaddr last = builder_mmapped(&b, MMAPPED + 0x5000, 0x4000, 0);

		builder_put(&b, MMAPPED + 0x3008, (0x1000 - builder_layout(&b)->mmapped_tail) | 2);
		walk_image(&b, &heap);
		// Since 2.43 there are other bytes in the books, too.
		if (release >= GLIBC_2_43) {
			expect_failures(&heap, "mmapped", 1);
		} else {
			expect_exact(&heap);
			ck_assert_uint_eq(heap.chunks.n, 2);
			expect_mmapped(&heap, first, 0x1ff0);
			expect_mmapped(&heap, last, 0x3ff0);
			ck_assert_uint_eq(heap.allocators.v[0].found_mmapped_bytes, 0x6000);
		}
		done(&b, &heap);
	}
}
END_TEST

START_TEST(the_account_of_bytes_alone_may_disagree)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_42);
	builder_map(&b, MMAPPED, 0x6000, NULL);
	builder_mmapped(&b, MMAPPED, 0x2000, 0);
	builder_put(&b, LIBC_MP + builder_layout(&b)->mp.mmapped_mem, 0x3000);
	walk_image(&b, &heap);
	expect_failed(&heap, "mmapped");
	expect_failures(&heap, "mmapped", 1);
	done(&b, &heap);
}
END_TEST

START_TEST(missing_ones_show_too)
{
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED, 0x10000, NULL);
	for (unsigned i = 0; i < 4; i++)
		builder_mmapped(&b, MMAPPED + i * 0x4000, 0x4000, 0);
	// The headers of two of them are not in the image.
	builder_absent(&b, MMAPPED + 0x4000, 0x1000);
	builder_absent(&b, MMAPPED + 0xc000, 0x1000);
	walk_image(&b, &heap);
	expect_failures(&heap, "mmapped", 2);
	ck_assert_uint_eq(heap.totals.count[CHUNK_IN_USE], 2);
	done(&b, &heap);
}
END_TEST

START_TEST(memory_that_nobody_touched_is_not_searched)
{
	struct image_builder b;
	struct heap heap;
	vaddr mems[3];

	// Mappings of terabytes, absent or untouched, with chunks before, in and behind them.
	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED, 0x2000, NULL);
	mems[0] = builder_mmapped(&b, MMAPPED, 0x2000, 0);

	struct mapping immense = { .start = UINT64_C(0x100000000000),
				   .end = UINT64_C(0x400000000000),
				   .prot = MAPPING_READ | MAPPING_WRITE,
				   .file = -1,
				   .rss = UINT64_MAX };

	builder_map(&b, UINT64_C(0x200000000000), 0x10000, NULL);
	mems[1] = builder_mmapped(&b, UINT64_C(0x200000003000), 0x4000, 0);
	// One whose offset header lies behind much that was never touched.
	mems[2] = builder_mmapped(&b, UINT64_C(0x200000008000), 0x8000, 0x7000 - 16);
	builder_put(&b, UINT64_C(0x200000008008), 0x8000 | 2);
	builder_untouched(&b, UINT64_C(0x200000009000), 0x5000);
	// The mapping around it, instead of its own.
	for (size_t i = 0; i < b.target->mappings.n; i++)
		if (b.target->mappings.v[i].start == UINT64_C(0x200000000000))
			b.target->mappings.v[i] = immense;
	image_add_untouched(&b.target->image, UINT64_C(0x300000000000), UINT64_C(0x100000000000),
			    NULL);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_mmapped(&heap, mems[0], 0x1ff0);
	expect_mmapped(&heap, mems[1], 0x3ff0);
	expect_mmapped(&heap, mems[2], 0x1000);
	done(&b, &heap);
}
END_TEST

START_TEST(many_headers_that_claim_everything)
{
	// Each page says that its mapping goes to the end, with an offset header somewhere: none has one.
	struct image_builder b;
	struct heap heap;
	uint64_t size = 64 << 20;

	image_builder_init(&b, GLIBC_2_36);
	builder_map(&b, MMAPPED - 0x10000000, size, NULL);
	for (uint64_t at = 0; at < size; at += 0x1000)
		builder_put(&b, MMAPPED - 0x10000000 + at + 8, UINT64_C(0x100000000000) | 2);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.chunks.n, 0);
	done(&b, &heap);
}
END_TEST

UNIT_SUITE("mmapped", a_plain_one, offset_headers_of_every_alignment,
	   a_moved_one_keeps_its_offset_and_a_stale_base, a_stale_base_without_an_offset_header,
	   merged_mappings, a_chunk_does_not_reach_over_a_gap,
	   only_private_anonymous_memory_is_searched, headers_that_are_none,
	   offset_headers_that_are_none, what_a_chunk_holds_is_no_header,
	   an_offset_header_far_behind, the_tail_and_huge_pages_since_2_43,
	   a_decoy_shows_in_the_account, a_decoy_of_another_size_is_known_by_the_books, the_account_of_bytes_alone_may_disagree,
	   missing_ones_show_too, memory_that_nobody_touched_is_not_searched,
	   many_headers_that_claim_everything)
