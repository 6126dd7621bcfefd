/* SPDX-License-Identifier: MIT */
/* Caches of threads: their lists, caches without a thread, where the variable is, and what libc keeps for itself. */
#include "heap_expect.h"
#include "unit.h"

static const uint64_t SIZE = 0x21000;

enum { N = 8 };

/* A main arena with the tcaches of two threads, N chunks of 0x40 bytes and N of 0x90, and top. */
struct cached {
	struct image_builder b;
	vaddr caches[2], small[N], large[N];
};

static void cached_make(struct cached *c, enum glibc_release release)
{
	image_builder_init(&c->b, release);

	struct pen pen = pen_main(&c->b, SIZE);

	for (unsigned i = 0; i < 2; i++)
		c->caches[i] = pen_tcache(&pen);
	for (unsigned i = 0; i < N; i++) {
		c->small[i] = pen_used(&pen, 0x40);
		c->large[i] = pen_used(&pen, 0x90);
	}
	pen_top(&pen);
}

static void done(struct cached *c, struct heap *heap)
{
	heap_deinit(heap);
	image_builder_deinit(&c->b);
}

/* How many of the 2 N chunks are in a tcache. */
static void expect_cached(const struct heap *heap, uint64_t n)
{
	if (heap->totals.count[CHUNK_TCACHE] != n)
		heap_print(heap);
	ck_assert_uint_eq(heap->totals.count[CHUNK_TCACHE], n);
	ck_assert_uint_eq(heap->totals.count[CHUNK_IN_USE] + heap->totals.count[CHUNK_INTERNAL],
			  2 * N + 2 - n);
}

START_TEST(lists_of_two_threads)
{
	for (int release = GLIBC_2_26; release < GLIBC_RELEASES; release++) {
		struct cached c;
		struct heap heap;

		cached_make(&c, (enum glibc_release)release);
		builder_thread(&c.b, c.caches[0]);
		builder_thread(&c.b, c.caches[1]);
		for (unsigned i = 0; i < 3; i++)
			builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[i]);
		builder_tcache(&c.b, c.caches[0], tcache_bin(0x90), c.large[0]);
		builder_tcache(&c.b, c.caches[1], tcache_bin(0x90), c.large[1]);
		walk_image(&c.b, &heap);
		expect_exact(&heap);
		expect_cached(&heap, 5);
		expect_chunk(&heap, c.small[2], 0x38, CHUNK_TCACHE);
		expect_chunk(&heap, c.large[0], 0x88, CHUNK_TCACHE);
		expect_chunk(&heap, c.large[1], 0x88, CHUNK_TCACHE);
		expect_chunk(&heap, c.large[2], 0x88, CHUNK_IN_USE);
		expect_state(&heap, c.caches[0], CHUNK_INTERNAL);
		expect_state(&heap, c.caches[1], CHUNK_INTERNAL);
		ck_assert_uint_eq(heap.tcaches.n, 2);
		ck_assert_int_eq(heap.tcaches.v[0].tid, FIRST_TID);
		ck_assert_uint_eq(heap.tcaches.v[0].address, c.caches[0]);
		ck_assert_uint_eq(heap.tcaches.v[0].count, 4);
		ck_assert_uint_eq(heap.tcaches.v[0].bytes, 3 * 0x38 + 0x88);
		ck_assert_int_eq(heap.tcaches.v[1].tid, FIRST_TID + 1);
		ck_assert_uint_eq(heap.tcaches.v[1].count, 1);
		done(&c, &heap);
	}
}
END_TEST

START_TEST(threads_without_a_cache)
{
	struct cached c;
	struct heap heap;

	// None yet, and (2.43) a dummy in libc itself.
	cached_make(&c, GLIBC_2_43);
	builder_thread(&c.b, 0);
	builder_thread(&c.b, LIBC_DUMMY);
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	expect_cached(&heap, 0);
	// The two empty ones that lie there belong to threads that are gone.
	ck_assert_uint_eq(heap.tcaches.n, 2);
	ck_assert_int_eq(heap.tcaches.v[0].tid, 0);
	expect_state(&heap, c.caches[0], CHUNK_INTERNAL);
	done(&c, &heap);

	// A libc that has no such thing.
	cached_make(&c, GLIBC_2_24);
	builder_thread(&c.b, 0x4141414141414141);
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	done(&c, &heap);
}
END_TEST

START_TEST(caches_that_cannot_be_read)
{
	for (unsigned what = 0; what < 6; what++) {
		struct cached c;
		struct heap heap;

		cached_make(&c, GLIBC_2_36);

		struct thread *thread = builder_thread(&c.b, c.caches[0]);
		vaddr variable = thread->tp - TLS_SIZE + TLS_TCACHE;

		switch (what) {
		case 0: // not a chunk
			builder_put(&c.b, variable, c.small[0] + 0x10);
			break;
		case 1: // one that is too small
			builder_put(&c.b, variable, c.large[0]);
			break;
		case 2: // nowhere
			builder_put(&c.b, variable, 0x123450);
			break;
		case 3: // no thread pointer
			thread->tp = 0;
			break;
		case 4: // its TLS is not in the image
			builder_absent(&c.b, TLS, BUILDER_PAGE);
			break;
		case 5: // no way from thread pointers to the variable
			c.b.glibc->instances.v[0].tls_size = 0;
			break;
		}
		walk_image(&c.b, &heap);
		expect_failed(&heap, "tcaches");
		expect_failures(&heap, "tcaches", 1);
		expect_cached(&heap, 0);
		done(&c, &heap);
	}
}
END_TEST

START_TEST(two_threads_that_claim_the_same_cache)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_36);
	builder_thread(&c.b, c.caches[0]);
	builder_thread(&c.b, c.caches[0]);
	builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[0]);
	walk_image(&c.b, &heap);
	expect_failed(&heap, "tcaches");
	expect_failures(&heap, "tcaches", 1);
	ck_assert_uint_eq(heap.findings.n, 0);
	ck_assert_uint_eq(heap.tcaches.n, 1);
	expect_cached(&heap, 1);
	done(&c, &heap);
}
END_TEST

START_TEST(broken_lists)
{
	for (unsigned what = 0; what < 8; what++) {
		struct cached c;
		struct heap heap;
		uint64_t known = 3;
		vaddr about;

		cached_make(&c, GLIBC_2_36);
		builder_thread(&c.b, c.caches[0]);
		// small[2], small[1], small[0]
		for (unsigned i = 0; i < 3; i++)
			builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[i]);
		about = c.small[0];
		switch (what) {
		case 0: // a circle of all
			builder_put(&c.b, c.small[0], link_stored(&c.b, c.small[0], c.small[2]));
			break;
		case 1: // a circle of one
			builder_put(&c.b, c.small[0], link_stored(&c.b, c.small[0], c.small[0]));
			break;
		case 2: // a chunk of another size
			builder_put(&c.b, c.small[0], link_stored(&c.b, c.small[0], c.large[0]));
			break;
		case 3: // no chunk
			builder_put(&c.b, c.small[0],
				    link_stored(&c.b, c.small[0], c.large[0] + 0x10));
			break;
		case 4: // not demangled
			builder_put(&c.b, c.small[0], c.small[3]);
			break;
		case 5: // overwritten
			builder_put(&c.b, c.small[1], 0x4141414141414141);
			about = c.small[1];
			known = 2;
			break;
		case 6: // the head
			builder_put(&c.b, tcache_head(&c.b, c.caches[0], tcache_bin(0x40)), 0x42);
			about = tcache_head(&c.b, c.caches[0], tcache_bin(0x40));
			known = 0;
			break;
		case 7: // NULL, but mangled as if by nobody
			builder_put(&c.b, c.small[0], 0);
			break;
		}
		walk_image(&c.b, &heap);
		expect_finding(&heap, 1, FINDING_CORRUPTION, about, "list 2 of the tcache");
		expect_failed(&heap, "bins");
		expect_failures(&heap, "bins", 1);
		expect_cached(&heap, known);
		done(&c, &heap);
	}
}
END_TEST

START_TEST(a_chunk_that_is_free_elsewhere)
{
	struct cached c;
	struct heap heap;

	// Freed twice: in the lists of two threads.
	cached_make(&c, GLIBC_2_31);
	builder_thread(&c.b, c.caches[0]);
	builder_thread(&c.b, c.caches[1]);
	builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[0]);
	builder_tcache(&c.b, c.caches[1], tcache_bin(0x40), c.small[0]);
	walk_image(&c.b, &heap);
	expect_finding(&heap, 1, FINDING_CORRUPTION, tcache_head(&c.b, c.caches[1], 2), "list 2");
	expect_cached(&heap, 1);
	done(&c, &heap);

	// In a list and a fast bin.
	cached_make(&c, GLIBC_2_31);
	builder_thread(&c.b, c.caches[0]);
	builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[0]);
	builder_fastbin(&c.b, MAIN_ARENA, 2, c.small[0] - 16);
	walk_image(&c.b, &heap);
	ck_assert_uint_ge(heap.findings.n, 1);
	expect_state(&heap, c.small[0], CHUNK_FAST);
	done(&c, &heap);
}
END_TEST

START_TEST(large_bins_hold_ranges_of_sizes)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_42);
	builder_thread(&c.b, c.caches[0]);
	// tcache_max was raised: bins from 64 on are sorted by size, whatever these are.
	builder_tcache(&c.b, c.caches[0], 64, c.large[0]);
	builder_tcache(&c.b, c.caches[0], 64, c.small[0]);
	builder_tcache(&c.b, c.caches[0], 75, c.small[1]);
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	expect_cached(&heap, 3);
	done(&c, &heap);

	// Before 2.42 there are 64.
	cached_make(&c, GLIBC_2_36);
	ck_assert_uint_eq(builder_layout(&c.b)->tcache.n_bins, 64);
	heap_init(&heap);
	done(&c, &heap);
}
END_TEST

/* ---- caches whose thread is gone ---- */

START_TEST(orphans_of_a_fork)
{
	for (int release = GLIBC_2_26; release < GLIBC_RELEASES; release++) {
		struct cached c;
		struct heap heap;

		cached_make(&c, (enum glibc_release)release);
		builder_thread(&c.b, c.caches[0]);
		builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[0]);
		for (unsigned i = 1; i < 4; i++)
			builder_tcache(&c.b, c.caches[1], tcache_bin(0x40), c.small[i]);
		builder_tcache(&c.b, c.caches[1], tcache_bin(0x90), c.large[0]);
		walk_image(&c.b, &heap);
		expect_exact(&heap);
		expect_cached(&heap, 5);
		expect_state(&heap, c.caches[1], CHUNK_INTERNAL);
		ck_assert_uint_eq(heap.tcaches.n, 2);
		ck_assert_int_eq(heap.tcaches.v[1].tid, 0);
		ck_assert_uint_eq(heap.tcaches.v[1].address, c.caches[1]);
		ck_assert_uint_eq(heap.tcaches.v[1].count, 4);
		done(&c, &heap);
	}
}
END_TEST

START_TEST(an_orphan_in_a_chunk_some_units_larger)
{
	struct image_builder b;
	struct heap heap;

	for (unsigned more = 0; more < 3; more++) {
		image_builder_init(&b, GLIBC_2_43);

		struct pen pen = pen_main(&b, SIZE);
		vaddr cache = pen_tcache(&pen), mem;

		pen.at += 16 * (more + 1);
		builder_put(&b, cache - 8, (tcache_chunk_size(&b) + 16 * (more + 1)) | 1);
		mem = pen_used(&pen, 0x40);
		pen_top(&pen);
		builder_tcache(&b, cache, tcache_bin(0x40), mem);
		walk_image(&b, &heap);
		expect_exact(&heap);
		// One unit is the rest that was too small to be a chunk, another one a size that was padded twice; three are neither.
		expect_state(&heap, cache, more == 2 ? CHUNK_IN_USE : CHUNK_INTERNAL);
		expect_state(&heap, mem, more == 2 ? CHUNK_IN_USE : CHUNK_TCACHE);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(what_only_resembles_an_orphan)
{
	for (int release = GLIBC_2_31; release < GLIBC_RELEASES; release++)
		for (unsigned what = 0; what < 6; what++) {
			struct cached c;
			struct heap heap;

			cached_make(&c, (enum glibc_release)release);
			builder_thread(&c.b, c.caches[0]);
			builder_tcache(&c.b, c.caches[1], tcache_bin(0x40), c.small[1]);
			builder_tcache(&c.b, c.caches[1], tcache_bin(0x40), c.small[2]);
			switch (what) {
			case 0: // a counter too many
				tcache_set_counter(&c.b, c.caches[1], 9,
						   builder_layout(&c.b)->tcache.counts_down
							   ? TCACHE_COUNT - 1
							   : 1);
				break;
			case 1: // one too few
				tcache_set_counter(&c.b, c.caches[1], 2,
						   builder_layout(&c.b)->tcache.counts_down
							   ? TCACHE_COUNT - 1
							   : 1);
				break;
			case 2: // an entry of another size
				builder_tcache(&c.b, c.caches[1], 3, c.large[0]);
				break;
			case 3: // a pointer to no chunk
				builder_put(&c.b, tcache_head(&c.b, c.caches[1], 30),
					    c.small[0] + 8);
				break;
			case 4: // a list that does not end
				builder_put(&c.b, c.small[1],
					    link_stored(&c.b, c.small[1], c.small[2]));
				break;
			case 5: // nothing at all: a chunk of zeros, or of counters alone
				builder_put(&c.b, tcache_head(&c.b, c.caches[1], tcache_bin(0x40)),
					    0);
				tcache_set_counter(&c.b, c.caches[1], 2,
						   builder_layout(&c.b)->tcache.counts_down
							   ? TCACHE_COUNT
							   : 0);
				break;
			}
			walk_image(&c.b, &heap);
			expect_exact(&heap);
			expect_cached(&heap, 0);
			// Counters that are all at their maximum, and count down, are no chance: a cache without entries.
			bool empty = what == 5 && builder_layout(&c.b)->tcache.counts_down;

			expect_state(&heap, c.caches[1], empty ? CHUNK_INTERNAL : CHUNK_IN_USE);
			ck_assert_uint_eq(heap.tcaches.n, empty ? 2 : 1);
			done(&c, &heap);
		}
}
END_TEST

START_TEST(hostile_orphans_cost_no_more_than_they_are_worth)
{
	// Chunks of the size of a tcache whose 64 lists are as long as a counter can say, all through the same chunks.
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_31);

	struct pen pen = pen_main(&b, 0x600000);
	enum { LONG = 60000, FAKES = 2000 };
	vaddr *chain = xcalloc(LONG, sizeof(*chain));

	for (unsigned i = 0; i < LONG; i++)
		chain[i] = pen_used(&pen, 0x20);
	for (unsigned i = 0; i + 1 < LONG; i++)
		builder_put(&b, chain[i], chain[i + 1]);
	for (unsigned i = 0; i < FAKES; i++) {
		vaddr cache = pen_tcache(&pen);

		for (unsigned bin = 0; bin < 64; bin++) {
			builder_put(&b, tcache_head(&b, cache, bin), chain[0]);
			tcache_set_counter(&b, cache, bin, LONG);
		}
	}
	pen_top(&pen);
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.totals.count[CHUNK_TCACHE], 0);
	heap_deinit(&heap);
	image_builder_deinit(&b);
	free(chain);
}
END_TEST

/* ---- where the variable is ---- */

START_TEST(small_counters_are_told_by_the_size_of_the_chunk)
{
	struct image_builder b;
	struct heap heap;

	// The layout by structure is that of 2.30; the process is one of 2.29.
	image_builder_init(&b, GLIBC_2_29);

	struct pen pen = pen_main(&b, SIZE);
	vaddr cache = pen_tcache(&pen), mem = pen_used(&pen, 0x40);

	pen_top(&pen);
	builder_thread(&b, cache);
	builder_tcache(&b, cache, tcache_bin(0x40), mem);
	ck_assert_uint_eq(builder_layout(&b)->tcache.size, 576);
	b.glibc->instances.v[0].layout = release_layout(GLIBC_2_31);
	walk_image(&b, &heap);
	expect_exact(&heap);
	expect_state(&heap, mem, CHUNK_TCACHE);
	ck_assert_str_eq(heap.allocators.v[0].version, "2.26–2.29");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(an_offset_that_nothing_names_is_searched)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_36);
	builder_thread(&c.b, c.caches[0]);
	builder_thread(&c.b, c.caches[1]);
	builder_tcache(&c.b, c.caches[0], tcache_bin(0x40), c.small[0]);
	c.b.glibc->instances.v[0].tcache_offset = VADDR_NONE;
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	expect_cached(&heap, 1);
	ck_assert_uint_eq(c.b.glibc->instances.v[0].tcache_offset, TLS_TCACHE);
	done(&c, &heap);

	// A thread that has none yet does not speak against it.
	cached_make(&c, GLIBC_2_36);
	builder_thread(&c.b, 0);
	builder_thread(&c.b, c.caches[1]);
	c.b.glibc->instances.v[0].tcache_offset = VADDR_NONE;
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(c.b.glibc->instances.v[0].tcache_offset, TLS_TCACHE);
	done(&c, &heap);

	// Two offsets that fit: nothing is believed, and that is said.
	cached_make(&c, GLIBC_2_36);
	builder_put(&c.b, builder_thread(&c.b, c.caches[0])->tp - TLS_SIZE + 0x10, c.caches[1]);
	c.b.glibc->instances.v[0].tcache_offset = VADDR_NONE;
	walk_image(&c.b, &heap);
	expect_failed(&heap, "tcaches");
	done(&c, &heap);

	// None: as long as nothing was freed there may be none.
	cached_make(&c, GLIBC_2_43);
	builder_thread(&c.b, 0);
	c.b.glibc->instances.v[0].tcache_offset = VADDR_NONE;
	walk_image(&c.b, &heap);
	expect_failures(&heap, "tcaches", 1);
	done(&c, &heap);
}
END_TEST

START_TEST(threads_that_a_core_does_not_name)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_36);
	builder_thread(&c.b, c.caches[0]);
	c.b.target->threads_incomplete = true;
	walk_image(&c.b, &heap);
	expect_failed(&heap, "tcaches");
	done(&c, &heap);
}
END_TEST

/* ---- what libc keeps for itself ---- */

START_TEST(thread_vectors_and_their_blocks)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_36);

	struct thread *thread = builder_thread(&c.b, c.caches[0]);
	// dtv[-1] = room for two modules; [0] generation; [1] static; [2] allocated later, with its to_free.
	vaddr dtv = c.large[0] + 16;

	builder_put(&c.b, thread->tp + 8, dtv);
	builder_put(&c.b, dtv - 16, 2);
	builder_put(&c.b, dtv + 16, TLS);
	builder_put(&c.b, dtv + 32, c.large[1] + 0x20);
	builder_put(&c.b, dtv + 40, c.large[1]);
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	expect_state(&heap, c.large[0], CHUNK_INTERNAL);
	expect_state(&heap, c.large[1], CHUNK_INTERNAL);
	expect_state(&heap, c.large[2], CHUNK_IN_USE);
	done(&c, &heap);
}
END_TEST

START_TEST(damaged_thread_vectors)
{
	struct cached c;
	struct heap heap;

	cached_make(&c, GLIBC_2_36);

	struct thread *thread = builder_thread(&c.b, c.caches[0]);
	vaddr dtv = c.large[0] + 16;

	// More modules than its chunk has room for, and a block that lies in another chunk than is freed with it.
	builder_put(&c.b, thread->tp + 8, dtv);
	builder_put(&c.b, dtv - 16, 1000);
	builder_put(&c.b, dtv + 16, c.large[2]);
	builder_put(&c.b, dtv + 24, c.large[1]);
	walk_image(&c.b, &heap);
	expect_exact(&heap);
	expect_state(&heap, c.large[0], CHUNK_IN_USE);
	expect_state(&heap, c.large[1], CHUNK_IN_USE);
	done(&c, &heap);
}
END_TEST

START_TEST(thread_vectors_that_are_none)
{
	static const struct {
		int64_t shift;
		uint64_t n;
	} vectors[] = { { 16, 65537 }, { 16, UINT64_MAX }, { 0x24, 2 }, { 0x20, 0 } };

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct cached c;
		struct heap heap;

		cached_make(&c, GLIBC_2_36);

		struct thread *thread = builder_thread(&c.b, c.caches[0]);
		vaddr dtv = c.large[0] + (vaddr)vectors[i].shift;

		builder_put(&c.b, thread->tp + 8, dtv);
		builder_put(&c.b, dtv - 16, vectors[i].n);
		builder_put(&c.b, dtv + 16, c.large[1]);
		builder_put(&c.b, dtv + 24, c.large[1]);
		walk_image(&c.b, &heap);
		expect_exact(&heap);
		expect_state(&heap, c.large[0], CHUNK_IN_USE);
		expect_state(&heap, c.large[1], CHUNK_IN_USE);
		done(&c, &heap);
	}
}
END_TEST

UNIT_SUITE("tcache", lists_of_two_threads, threads_without_a_cache, caches_that_cannot_be_read,
	   two_threads_that_claim_the_same_cache, broken_lists, a_chunk_that_is_free_elsewhere,
	   large_bins_hold_ranges_of_sizes, orphans_of_a_fork,
	   an_orphan_in_a_chunk_some_units_larger, what_only_resembles_an_orphan,
	   hostile_orphans_cost_no_more_than_they_are_worth,
	   small_counters_are_told_by_the_size_of_the_chunk,
	   an_offset_that_nothing_names_is_searched, threads_that_a_core_does_not_name,
	   thread_vectors_and_their_blocks, damaged_thread_vectors, thread_vectors_that_are_none)
