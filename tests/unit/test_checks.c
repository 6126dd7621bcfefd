/* SPDX-License-Identifier: MIT */
/* The closure checks: all are run, in an order that stays; each can fail, and says by how much. */
#include "heap_expect.h"
#include "unit.h"

static const uint64_t SIZE = 0x21000;

static const char *detail_of(const struct heap *heap, const char *name)
{
	for (size_t i = 0; i < heap->checks.n; i++)
		if (strcmp(heap->checks.v[i].name, name) == 0)
			return heap->checks.v[i].detail ? heap->checks.v[i].detail : "";
	ck_abort_msg("there is no check %s", name);
}

/* A main arena, another arena, a mmapped chunk, a thread with a tcache, a chunk in each kind of list; all of it sound. */
static struct pen everything(struct image_builder *b, enum glibc_release release)
{
	image_builder_init(b, release);

	struct pen pen = pen_main(b, SIZE), other = pen_thread_arena(b, THREAD_HEAP, SIZE);
	vaddr cache = pen_tcache(&pen), small = pen_free(&pen, 0x90), cached = pen_used(&pen, 0x40);

	builder_bin(b, MAIN_ARENA, 9, small);
	builder_tcache(b, cache, tcache_bin(0x40), cached);
	if (builder_layout(b)->arena.n_fastbins)
		builder_fastbin(b, MAIN_ARENA, 0, pen_used(&pen, 0x20) - CHUNK_HEADER);
	pen_used(&pen, 0x20);
	pen_top(&pen);
	pen_used(&other, 0x50);
	pen_top(&other);
	builder_map(b, MMAPPED, 0x8000, NULL);
	builder_mmapped(b, MMAPPED + 0x1000, 0x3000, 0);
	builder_thread(b, cache);
	return other;
}

START_TEST(all_are_run_and_pass)
{
	static const char *const names[] = { "bins",  "sizes",	 "ends",  "mmapped",
					     "locks", "threads", "marks", "tcaches" };

	for (int release = GLIBC_2_26; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct heap heap;

		everything(&b, (enum glibc_release)release);
		walk_image(&b, &heap);
		expect_exact(&heap);
		ck_assert_uint_eq(heap.checks.n, sizeof(names) / sizeof(*names));
		for (size_t i = 0; i < heap.checks.n; i++) {
			ck_assert_str_eq(heap.checks.v[i].name, names[i]);
			ck_assert_int_eq(heap.checks.v[i].result, CHECK_PASSED);
			ck_assert_uint_eq(heap.checks.v[i].failures, 0);
			ck_assert_ptr_null(heap.checks.v[i].detail);
		}
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

/* One thing is wrong: its check fails and no other. */
START_TEST(each_fails_alone)
{
	for (unsigned what = 0; what < 8; what++) {
		static const char *const failing[] = { "bins",	"sizes",   "ends",  "mmapped",
						       "locks", "threads", "marks", "tcaches" };
		static const char *const words[] = {
			"broken lists: 1",
			"arenas that hold another number of bytes than their books say: 1 (the "
			"last at 0x7ffff7dd0c80), off by 4096 bytes",
			"walks that ended in neither top nor a fence: 1",
			"mmapped chunks found: 1 of 12288 bytes together; the books say 2 of "
			"12288 bytes",
			"arenas locked at the copy: 1",
			"threads inside malloc at the copy: 1",
			"without the mark of a non-main arena: 1",
			"threads whose caches could not be read (free chunks in them may count as "
			"in use): 1",
		};
		struct image_builder b;
		struct heap heap;
		bool *inside = NULL;

		struct pen other = everything(&b, GLIBC_2_36);
		const struct glibc_layout *layout = builder_layout(&b);

		switch (what) {
		case 0:
			builder_put(&b, bin_head(&b, MAIN_ARENA, 40) + 16, 0);
			break;
		case 1:
			builder_put(&b, MAIN_ARENA + layout->arena.system_mem, SIZE + 0x1000);
			break;
		case 2: // a top that nothing leads to: it lies in what the program wrote
			builder_put(&b, other.arena + layout->arena.top, other.at - 0x100);
			break;
		case 3:
			builder_put_int(&b, LIBC_MP + layout->mp.n_mmaps, 2);
			break;
		case 4:
			builder_put_int(&b, other.arena + layout->arena.mutex, 2);
			break;
		case 5:
			array_append(&b.glibc->inside, FIRST_TID);
			break;
		case 6:
			builder_put(&b, other.arena + ((layout->arena.size + 15) & ~15u) + 8, 0x51);
			break;
		case 7:
			b.target->threads.v[0].tp = 0;
			break;
		}
		image_builder_seal(&b);
		glibc_walk(b.glibc, b.target, &heap, &inside);
		ck_assert_ptr_null(heap_verify(&heap));
		if (what != 2)
			expect_failed(&heap, failing[what]);
		expect_failures(&heap, failing[what], what == 2 ? 2 : 1);
		if (what != 2)
			ck_assert_msg(strstr(detail_of(&heap, failing[what]), words[what]), "%s",
				      detail_of(&heap, failing[what]));
		ck_assert(!heap_is_exact(&heap));
		ck_assert_int_eq(inside[0], what == 5);
		free(inside);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(several_allocators_share_one_account_of_mmapped_chunks)
{
	struct image_builder b;
	struct heap heap;
	// A second libc (dlmopen), whose main arena was never used but for one mmapped chunk.
	const vaddr second = UINT64_C(0x7ffff7000000);

	everything(&b, GLIBC_2_36);
	builder_map(&b, second, 0x3000, "/usr/lib/libc.so.6");

	struct instance instance = b.glibc->instances.v[0];

	instance.path = xstrdup("/opt/libc.so.6");
	instance.offsets = xstrdup("as built too");
	instance.main_arena = second + (MAIN_ARENA - LIBC);
	instance.mp = second + (LIBC_MP - LIBC);
	instance.module_start = second;
	instance.module_end = second + 0x3000;
	// Its tcache variable would be elsewhere in each thread's TLS: here it is NULL.
	instance.tcache_offset = 0;
	array_append(&b.glibc->instances, instance);
	builder_put(&b, instance.main_arena + instance.layout.arena.next, instance.main_arena);
	builder_put_int(&b, instance.mp + instance.layout.mp.n_mmaps, 1);
	builder_put(&b, instance.mp + instance.layout.mp.mmapped_mem, 0x2000);
	builder_put(&b, MMAPPED + 0x5008, 0x2002);
	walk_image(&b, &heap);
	expect_exact(&heap);
	ck_assert_uint_eq(heap.allocators.n, 2);
	ck_assert_uint_eq(heap.allocators.v[1].n_mmaps, 1);
	ck_assert_str_eq(heap.allocators.v[1].module, "/opt/libc.so.6");
	ck_assert_uint_eq(heap.arenas.n, 3);
	ck_assert_uint_eq(heap.arenas.v[2].allocator, 1);
	ck_assert(heap.arenas.v[2].is_main);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

UNIT_SUITE("checks", all_are_run_and_pass, each_fails_alone,
	   several_allocators_share_one_account_of_mmapped_chunks)
