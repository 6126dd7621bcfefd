/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/plan.h"
#include "unit.h"

enum { PAGE = 4096 };

static const uint64_t MIB = UINT64_C(1) << 20, TIB = UINT64_C(1) << 40;

struct subject {
	struct target *target;
	mapping_array mappings;
	page_run_array pages;
	struct plan plan;
	struct store store;
};

/* A target with one file that is open (index 0) and one that is not (1). */
static void subject_init(struct subject *subject, const char *maps)
{
	memset(subject, 0, sizeof(*subject));
	subject->target = target_create(TARGET_LIVE);
	array_append(&subject->target->files,
		     (struct target_file){ .path = xstrdup("/open"), .fd = dup(0) });
	array_append(&subject->target->files,
		     (struct target_file){ .path = xstrdup("/gone"), .fd = -1 });
	ck_assert_ptr_null(mappings_parse(maps, strlen(maps), &subject->mappings));
	for (size_t i = 0; i < subject->mappings.n; i++)
		if (subject->mappings.v[i].inode == 1 || subject->mappings.v[i].inode == 2)
			subject->mappings.v[i].file = (int)subject->mappings.v[i].inode - 1;
}

static void subject_deinit(struct subject *subject)
{
	target_destroy(subject->target);
	mappings_deinit(&subject->mappings);
	array_deinit(&subject->pages);
	plan_deinit(&subject->plan);
	store_deinit(&subject->store);
}

static void page(struct subject *subject, vaddr start, vaddr end, unsigned kind)
{
	array_append(&subject->pages, (struct page_run){ start, end, kind });
}

static void make(struct subject *subject)
{
	plan_make(subject->target, &subject->mappings, &subject->pages, NULL, &subject->plan);
}

static bool planned(const struct plan *plan, vaddr start, vaddr end)
{
	for (size_t i = 0; i < plan->runs.n; i++)
		if (plan->runs.v[i].start == start && plan->runs.v[i].end == end)
			return true;
	return false;
}

START_TEST(plan_takes_anonymous_pages_that_exist)
{
	struct subject subject;

	subject_init(&subject, "10000-20000 rw-p 00000000 00:00 0\n"
			       "20000-30000 ---p 00000000 00:00 0\n"
			       "30000-40000 r--p 00000000 00:00 0\n"
			       "40000-42000 r--p 00000000 00:00 0 [vvar]\n"
			       "42000-44000 r-xp 00000000 00:00 0 [vdso]\n");
	page(&subject, 0x11000, 0x12000, PAGE_PRESENT);
	page(&subject, 0x12000, 0x13000, PAGE_SWAPPED);
	page(&subject, 0x18000, 0x20000, PAGE_PRESENT);
	page(&subject, 0x21000, 0x22000, PAGE_PRESENT);
	page(&subject, 0x30000, 0x31000, PAGE_PRESENT);
	page(&subject, 0x40000, 0x41000, PAGE_PRESENT);
	page(&subject, 0x42000, 0x43000, PAGE_PRESENT);
	make(&subject);
	ck_assert_uint_eq(subject.plan.runs.n, 5);
	ck_assert(planned(&subject.plan, 0x11000, 0x12000));
	ck_assert(planned(&subject.plan, 0x12000, 0x13000));
	ck_assert(planned(&subject.plan, 0x18000, 0x20000));
	ck_assert(planned(&subject.plan, 0x30000, 0x31000));
	// All of the vdso, touched or not.
	ck_assert(planned(&subject.plan, 0x42000, 0x44000));
	ck_assert_uint_eq(subject.plan.bytes, 0x1000 + 0x1000 + 0x8000 + 0x1000 + 0x2000);
	ck_assert_int_eq(subject.plan.kinds.v[0], PLAN_ANONYMOUS);
	ck_assert_int_eq(subject.plan.kinds.v[1], PLAN_NOTHING);
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_takes_what_differs_from_files)
{
	struct subject subject;

	subject_init(&subject, "10000-20000 r-xp 00000000 08:01 1 /open\n"
			       "20000-30000 r--p 00010000 08:01 1 /open\n"
			       "30000-40000 rw-p 00020000 08:01 1 /open\n"
			       "50000-60000 r-xp 00000000 08:01 2 /gone\n"
			       "60000-70000 rw-p 00010000 08:01 2 /gone\n"
			       "70000-80000 r--p 00000000 08:01 9 /data\n"
			       "80000-90000 rw-p 00000000 08:01 9 /data\n");
	page(&subject, 0x10000, 0x18000, PAGE_PRESENT | PAGE_OF_FILE);
	page(&subject, 0x20000, 0x22000, PAGE_PRESENT); // RELRO
	page(&subject, 0x22000, 0x23000, PAGE_PRESENT | PAGE_OF_FILE);
	page(&subject, 0x23000, 0x24000, PAGE_SWAPPED);
	page(&subject, 0x31000, 0x32000, PAGE_PRESENT);
	page(&subject, 0x50000, 0x51000, PAGE_PRESENT | PAGE_OF_FILE);
	page(&subject, 0x70000, 0x71000, PAGE_PRESENT | PAGE_OF_FILE);
	make(&subject);
	ck_assert(planned(&subject.plan, 0x20000, 0x22000));
	ck_assert(planned(&subject.plan, 0x23000, 0x24000));
	ck_assert(planned(&subject.plan, 0x31000, 0x32000));
	// Out of reach: text and data come from memory whole.
	ck_assert(planned(&subject.plan, 0x50000, 0x60000));
	ck_assert(planned(&subject.plan, 0x60000, 0x70000));
	// A data file that nobody opened: what was not changed is not needed, what may have been is.
	ck_assert(planned(&subject.plan, 0x80000, 0x90000));
	ck_assert_uint_eq(subject.plan.runs.n, 6);
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_leaves_devices_alone)
{
	struct subject subject;

	subject_init(&subject, "10000-20000 rw-s 00000000 00:06 91 /dev/dri/card0\n"
			       "20000-30000 rw-p 00000000 00:06 92 /dev/mem\n"
			       "30000-40000 rw-s 00000000 00:0e 93 anon_inode:[perf_event]\n"
			       "40000-50000 rw-s 00000000 00:0e 94 /dmabuf:x\n"
			       "50000-60000 rw-p 00000000 00:05 95 /dev/zero\n"
			       "60000-70000 rw-s 00000000 00:01 96 /dev/shm/x\n"
			       "70000-80000 rw-s 00000000 08:01 97 /var/lib/database\n");
	for (vaddr at = 0x10000; at < 0x80000; at += 0x10000)
		page(&subject, at, at + PAGE, PAGE_PRESENT);
	make(&subject);
	ck_assert_uint_eq(subject.plan.runs.n, 2);
	ck_assert(planned(&subject.plan, 0x50000, 0x51000));
	ck_assert(planned(&subject.plan, 0x60000, 0x61000));
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_bounds_shared_memory)
{
	struct subject subject;

	// 300 MiB private; shared 200 and 200 and 50: the second one is too much, the last one fits.
	subject_init(&subject, "100000000-112c00000 rw-p 00000000 00:00 0\n"
			       "200000000-20c800000 rw-s 00000000 00:01 5 /memfd:one (deleted)\n"
			       "300000000-30c800000 rw-s 00000000 00:01 6 /SYSV00000000 (deleted)\n"
			       "400000000-403200000 rw-s 00000000 00:01 7 /dev/zero (deleted)\n");
	for (size_t i = 0; i < subject.mappings.n; i++)
		page(&subject, subject.mappings.v[i].start, subject.mappings.v[i].end,
		     PAGE_PRESENT);
	make(&subject);
	ck_assert_uint_eq(subject.plan.shared_left_out, 1);
	ck_assert_uint_eq(subject.plan.shared_left_out_bytes, 200 * MIB);
	ck_assert_uint_eq(subject.plan.bytes, 550 * MIB);
	ck_assert_uint_eq(subject.plan.runs.n, 3);
	ck_assert_int_eq(subject.plan.kinds.v[2], PLAN_NOTHING);
	ck_assert_int_eq(subject.plan.kinds.v[3], PLAN_SHARED);
	ck_assert(planned(&subject.plan, 0x400000000, 0x403200000));
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_answers_the_unknown_from_before)
{
	struct subject subject;
	struct plan later;

	subject_init(&subject, "10000-20000 rw-p 00000000 00:00 0\n"
			       "100000000000-200000000000 rw-p 00000000 00:00 0\n"
			       "300000000000-400000000000 rw-p 00000000 00:00 0\n");
	page(&subject, 0x10000, 0x11000, PAGE_PRESENT);
	page(&subject, 0x100000005000, 0x100000009000, PAGE_PRESENT);
	page(&subject, 0x300000000000, 0x400000000000, PAGE_UNKNOWN);
	make(&subject);
	ck_assert_uint_eq(subject.plan.unknown.n, 1);
	ck_assert_int_eq(subject.plan.kinds.v[2], PLAN_NOTHING);
	ck_assert_uint_eq(subject.plan.runs.n, 2);
	// At the stop neither can be asked about.
	subject.pages.n = 1;
	page(&subject, 0x100000000000, 0x200000000000, PAGE_UNKNOWN);
	page(&subject, 0x300000000000, 0x400000000000, PAGE_UNKNOWN);
	plan_make(subject.target, &subject.mappings, &subject.pages, &subject.plan, &later);
	ck_assert(planned(&later, 0x100000005000, 0x100000009000));
	ck_assert_uint_eq(later.runs.n, 2);
	ck_assert_uint_eq(later.unknown.n, 1);
	ck_assert_int_eq(later.kinds.v[1], PLAN_ANONYMOUS);
	ck_assert_int_eq(later.kinds.v[2], PLAN_NOTHING);
	plan_deinit(&later);
	subject_deinit(&subject);
}
END_TEST

/* Every byte planned has its own place, and neighbours are neighbours. */
static void check_parts(const struct plan *plan, const copy_part_array *parts)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < parts->n; i++) {
		const struct copy_part *part = &parts->v[i];

		ck_assert_uint_gt(part->size, 0);
		ck_assert_uint_le(part->size, COPY_PART_MAX);
		bytes += part->size;
		if (i)
			ck_assert_uint_le(parts->v[i - 1].start + parts->v[i - 1].size,
					  part->start);
		// It is there, writable, and zero.
		ck_assert_uint_eq(part->to[0], 0);
		ck_assert_uint_eq(part->to[part->size - 1], 0);
		part->to[0] = part->to[part->size - 1] = 0xff;
	}
	ck_assert_uint_eq(bytes, plan->bytes);
}

static bool address_space_is_large(void)
{
	void *memory = mmap(NULL, 11 * TIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	munmap(memory, 11 * TIB);
	return true;
}

START_TEST(plan_reserves_terabytes_for_nothing)
{
	struct subject subject;
	copy_part_array parts = { 0 };

	subject_init(&subject, "555500000000-555500100000 rw-p 00000000 00:00 0 [heap]\n"
			       "600000000000-6a0000000000 rw-p 00000000 00:00 0\n"
			       "7ff000000000-7ff000a00000 rw-p 00000000 00:00 0\n"
			       "7ff000b00000-7ff000b01000 rw-p 00000000 00:00 0\n");
	page(&subject, 0x555500000000, 0x555500010000, PAGE_PRESENT);
	page(&subject, 0x650000000000, 0x650000001000, PAGE_PRESENT);
	page(&subject, 0x7ff000000000, 0x7ff000a00000, PAGE_PRESENT);
	page(&subject, 0x7ff000b00000, 0x7ff000b01000, PAGE_PRESENT);
	make(&subject);
	ck_assert(plan_reserve(&subject.plan, &subject.mappings, PAGE, &subject.store));
	ck_assert(plan_parts(&subject.plan, &subject.store, &parts));
	check_parts(&subject.plan, &parts);

	// What lies side by side there does so here.
	const struct store_span *span = store_find(&subject.store, 0x7ff000000000);

	ck_assert_ptr_nonnull(span);
	ck_assert_uint_ge(span->end, 0x7ff000b01000);
	span = store_find(&subject.store, 0x600000000000);
	// valgrind gives nobody so much; then there is room for the page that exists, and only that.
	if (address_space_is_large()) {
		ck_assert_ptr_nonnull(span);
		ck_assert_uint_ge(span->end - 0x600000000000, 10 * TIB);
		ck_assert_uint_eq(span->bytes[0x023456789000], 0);
	} else {
		ck_assert_ptr_null(span);
		ck_assert_ptr_nonnull(store_find(&subject.store, 0x650000000000));
	}
	array_deinit(&parts);
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_finds_room_for_what_is_new)
{
	struct subject subject;
	copy_part_array parts = { 0 };

	subject_init(&subject, "10000000-10010000 rw-p 00000000 00:00 0\n");
	page(&subject, 0x10000000, 0x10010000, PAGE_PRESENT);
	make(&subject);
	ck_assert(plan_reserve(&subject.plan, &subject.mappings, PAGE, &subject.store));

	size_t spans = subject.store.spans.n;

	// Grown a little, grown over the end of its span, and far away.
	subject_deinit(&(struct subject){ .plan = subject.plan });
	mappings_deinit(&subject.mappings);
	memset(&subject.plan, 0, sizeof(subject.plan));
	subject.pages.n = 0;

	static const char maps[] = "ff00000-10020000 rw-p 00000000 00:00 0\n"
				   "13000000-18000000 rw-p 00000000 00:00 0\n"
				   "700000000000-700000010000 rw-p 00000000 00:00 0\n";

	ck_assert_ptr_null(mappings_parse(maps, strlen(maps), &subject.mappings));
	page(&subject, 0xff00000, 0x10020000, PAGE_PRESENT);
	page(&subject, 0x13000000, 0x18000000, PAGE_PRESENT);
	page(&subject, 0x700000000000, 0x700000010000, PAGE_PRESENT);
	make(&subject);
	ck_assert(plan_parts(&subject.plan, &subject.store, &parts));
	check_parts(&subject.plan, &parts);
	ck_assert_uint_eq(subject.store.spans.n, spans + 2);
	array_deinit(&parts);
	subject_deinit(&subject);
}
END_TEST

START_TEST(plan_has_room_for_a_page_at_zero)
{
	struct subject subject;
	copy_part_array parts = { 0 };

	// As with personality(MMAP_PAGE_ZERO).
	subject_init(&subject, "00000000-00001000 rw-p 00000000 00:00 0\n"
			       "00001000-00002000 ---p 00000000 00:00 0\n"
			       "55555000-55556000 rw-p 00000000 00:00 0\n");
	page(&subject, 0, PAGE, PAGE_PRESENT);
	page(&subject, 0x55555000, 0x55556000, PAGE_PRESENT);
	make(&subject);
	ck_assert(plan_reserve(&subject.plan, &subject.mappings, PAGE, &subject.store));
	ck_assert(plan_parts(&subject.plan, &subject.store, &parts));
	ck_assert_uint_eq(parts.n, 2);
	ck_assert_uint_eq(parts.v[0].start, 0);
	ck_assert_ptr_nonnull(store_find(&subject.store, 0));
	array_deinit(&parts);
	subject_deinit(&subject);
}
END_TEST

UNIT_SUITE("plan", plan_takes_anonymous_pages_that_exist, plan_takes_what_differs_from_files,
	   plan_leaves_devices_alone, plan_bounds_shared_memory,
	   plan_answers_the_unknown_from_before, plan_reserves_terabytes_for_nothing,
	   plan_finds_room_for_what_is_new, plan_has_room_for_a_page_at_zero)
