/* SPDX-License-Identifier: MIT */
/*
 * The copy, of our own memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/copy.h"
#include "target/spool.h"
#include "unit.h"

enum { PAGE = 4096, PAGES = 5000 };

struct field {
	uint8_t *from, *to;
	copy_part_array parts;
	copy_hole_array holes;
};

static uint8_t *map(size_t pages)
{
	void *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static void field_init(struct field *field)
{
	memset(field, 0, sizeof(*field));
	field->from = map(PAGES);
	field->to = map(PAGES);
	for (size_t i = 0; i < (size_t)PAGES * PAGE / 8; i++)
		((uint64_t *)field->from)[i] = i * UINT64_C(0x9E3779B97F4A7C15) + 1;
}

static void field_deinit(struct field *field)
{
	munmap(field->from, (size_t)PAGES * PAGE);
	munmap(field->to, (size_t)PAGES * PAGE);
	array_deinit(&field->parts);
	array_deinit(&field->holes);
}

static void part(struct field *field, size_t first, size_t pages)
{
	array_append(&field->parts,
		     (struct copy_part){ (vaddr)(uintptr_t)(field->from + first * PAGE),
					 pages * PAGE, field->to + first * PAGE, 0, false });
}

static struct error *copy(struct field *field, unsigned threads, int spool,
			  const volatile sig_atomic_t *interrupted)
{
	struct copier *copier = copier_create(threads);

	if (spool < 0)
		copier_prefault(copier, &field->parts);

	struct error *error = copier_copy(copier, getpid(), -1, &field->parts, PAGE, spool, false,
					  interrupted, &field->holes);

	copier_destroy(copier);
	return error;
}

/* Page by page: copied, or as it was. */
static void check_pages(const struct field *field, const uint8_t *to)
{
	for (size_t page = 0; page < PAGES; page++) {
		vaddr address = (vaddr)(uintptr_t)(field->from + page * PAGE);
		bool wanted = false;

		for (size_t i = 0; i < field->parts.n; i++)
			wanted |= address >= field->parts.v[i].start &&
				  address < field->parts.v[i].start + field->parts.v[i].size;
		for (size_t i = 0; i < field->holes.n; i++)
			wanted &= !(address >= field->holes.v[i].start &&
				    address < field->holes.v[i].end);
		if (wanted)
			ck_assert_mem_eq(to + page * PAGE, field->from + page * PAGE, PAGE);
		else
			ck_assert(to[page * PAGE] == 0 &&
				  !memcmp(to + page * PAGE, to + page * PAGE + 1, PAGE - 1));
	}
}

START_TEST(copy_copies_large_and_small_parts)
{
	for (unsigned threads = 1; threads <= 4; threads += 3) {
		struct field field;

		field_init(&field);
		part(&field, 0, 1024);
		part(&field, 1024, 1024);
		// More small ones than one call takes.
		for (size_t i = 2100; i < 4000; i += 3)
			part(&field, i, 1 + i % 2);
		part(&field, 4100, 900);
		ck_assert_ptr_null(copy(&field, threads, -1, NULL));
		ck_assert_uint_eq(field.holes.n, 0);
		check_pages(&field, field.to);
		field_deinit(&field);
	}
}
END_TEST

START_TEST(copy_steps_over_unreadable_pages)
{
	static const size_t holes[] = { 0, 1, 511, 512, 513, 1023, 1024, 2047, 2050, 2051 };

	for (unsigned threads = 1; threads <= 4; threads += 3) {
		struct field field;

		field_init(&field);
		part(&field, 0, 1024);
		part(&field, 1024, 1024);
		for (size_t i = 2048; i < 2060; i++)
			part(&field, i, 1);
		for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
			mprotect(field.from + holes[i] * PAGE, PAGE, PROT_NONE);
		ck_assert_ptr_null(copy(&field, threads, -1, NULL));
		for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
			mprotect(field.from + holes[i] * PAGE, PAGE, PROT_READ);
		ck_assert_uint_eq(field.holes.n, sizeof(holes) / sizeof(holes[0]));
		for (size_t i = 0; i < field.holes.n; i++)
			ck_assert_uint_eq(field.holes.v[i].start,
					  (vaddr)(uintptr_t)(field.from + holes[i] * PAGE));
		check_pages(&field, field.to);
		field_deinit(&field);
	}
}
END_TEST

START_TEST(copy_reads_what_may_be_absent_another_way)
{
	static const size_t holes[] = { 0, 700, 1024, 1025, 2050 };
	int memory = open("/proc/self/mem", O_RDONLY);

	ck_assert_int_ge(memory, 0);
	for (unsigned threads = 1; threads <= 4; threads += 3) {
		struct field field;

		field_init(&field);
		part(&field, 0, 1024);
		part(&field, 1024, 900);
		for (size_t i = 2048; i < 2060; i++)
			part(&field, i, 1);
		// All but the last, which stand among others.
		for (size_t i = 0; i < field.parts.n; i++)
			field.parts.v[i].absent = i < 6 || i % 2;
		for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++)
			munmap(field.from + holes[i] * PAGE, PAGE);

		struct copier *copier = copier_create(threads);

		ck_assert_ptr_null(copier_copy(copier, getpid(), memory, &field.parts, PAGE, -1,
					       false, NULL, &field.holes));
		copier_destroy(copier);
		ck_assert_uint_eq(field.holes.n, sizeof(holes) / sizeof(holes[0]));
		for (size_t i = 0; i < field.holes.n; i++) {
			vaddr hole = (vaddr)(uintptr_t)(field.from + holes[i] * PAGE);

			ck_assert_uint_eq(field.holes.v[i].start, hole);
			ck_assert_ptr_ne(mmap(field.from + holes[i] * PAGE, PAGE, PROT_READ,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
					 MAP_FAILED);
		}
		check_pages(&field, field.to);
		field_deinit(&field);
	}
	close(memory);
}
END_TEST

START_TEST(copy_spools)
{
	struct field field;
	spool_group_array groups = { 0 };
	int spool = -1;

	field_init(&field);
	part(&field, 3, 1000);
	part(&field, 1003, 5);
	part(&field, 1010, 1);
	part(&field, 3000, 700);
	mprotect(field.from + 500 * PAGE, PAGE, PROT_NONE);
	ck_assert_ptr_null(spool_open("/tmp", &spool));
	spool_place(&field.parts, &groups);
	// Two pages apart is one stretch of the file, two thousand are not.
	ck_assert_uint_eq(groups.n, 2);
	ck_assert_ptr_null(copy(&field, 2, spool, NULL));
	mprotect(field.from + 500 * PAGE, PAGE, PROT_READ);
	ck_assert_uint_eq(field.holes.n, 1);

	// The store is where the copy would have gone.
	struct store store = { 0 };

	array_append(&store.spans,
		     (struct store_span){ (vaddr)(uintptr_t)field.from,
					  (vaddr)(uintptr_t)field.from + PAGES * PAGE, field.to });
	ck_assert_uint_eq(field.to[3 * PAGE], 0);
	ck_assert_ptr_null(spool_map(spool, &groups, &store));
	check_pages(&field, field.to);
	array_deinit(&store.spans);
	array_deinit(&groups);
	close(spool);
	field_deinit(&field);
}
END_TEST

START_TEST(copy_limits_spool_groups)
{
	copy_part_array parts = { 0 };
	spool_group_array groups = { 0 };
	uint8_t *memory = NULL;

	// So far apart that each would be a mapping of its own, and more than there may be.
	for (uint64_t i = 0; i < 100000; i++)
		array_append(&parts, (struct copy_part){ i << 20, PAGE, memory + (i << 20), 0, false });
	spool_place(&parts, &groups);
	ck_assert_uint_le(groups.n, 20000);
	for (size_t i = 1; i < parts.n; i++)
		ck_assert_uint_ge(parts.v[i].spool_offset, parts.v[i - 1].spool_offset + PAGE);
	array_deinit(&parts);
	array_deinit(&groups);
}
END_TEST

START_TEST(copy_stops_when_it_is_told_to)
{
	static const volatile sig_atomic_t told = 1;
	struct field field;

	field_init(&field);
	part(&field, 0, 1024);
	part(&field, 1024, 1024);

	struct error *error = copy(&field, 2, -1, &told);

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->errnum, EINTR);
	error_destroy(error);
	field_deinit(&field);
}
END_TEST

START_TEST(copy_notices_that_the_process_is_gone)
{
	struct field field;
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	field_init(&field);
	part(&field, 0, 1024);

	struct copier *copier = copier_create(1);
	struct error *error = copier_copy(copier, child, -1, &field.parts, PAGE, -1, false, NULL,
					  &field.holes);

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->errnum, ESRCH);
	error_destroy(error);
	copier_destroy(copier);
	field_deinit(&field);
}
END_TEST

START_TEST(copy_reports_a_full_spool)
{
	struct field field;
	int full = open("/dev/full", O_RDWR);

	ck_assert_int_ge(full, 0);
	field_init(&field);
	part(&field, 0, 1024);

	struct error *error = copy(&field, 1, full, NULL);

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->errnum, ENOSPC);
	ck_assert_ptr_nonnull(strstr(error->message, "the spool file cannot be written"));
	error_destroy(error);
	close(full);
	field_deinit(&field);
}
END_TEST

UNIT_SUITE("copy", copy_copies_large_and_small_parts, copy_steps_over_unreadable_pages,
	   copy_reads_what_may_be_absent_another_way, copy_spools,
	   copy_limits_spool_groups, copy_stops_when_it_is_told_to,
	   copy_notices_that_the_process_is_gone, copy_reports_a_full_spool)
