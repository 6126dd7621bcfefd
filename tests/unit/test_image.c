/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/image.h"
#include "unit.h"

enum { SIZE = 4096 };

/* An unnamed file of SIZE bytes that count up from first. */
static int counting_file(unsigned first)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	for (unsigned i = 0; i < SIZE; i++)
		fputc((int)((first + i) & 0xff), file);
	fflush(file);

	int fd = dup(fileno(file));

	fclose(file);
	return fd;
}

static uint8_t *counting_bytes(unsigned first)
{
	uint8_t *bytes = xmalloc(SIZE);

	for (unsigned i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(first + i);
	return bytes;
}

START_TEST(image_empty_holds_nothing)
{
	struct image image;
	uint8_t byte;

	image_init(&image);
	image_seal(&image);
	ck_assert_ptr_null(image_find(&image, 0));
	ck_assert_ptr_null(image_view(&image, 0, 1));
	ck_assert(!image_get(&image, 0, &byte, 1));
	ck_assert(image_get(&image, 0, &byte, 0));
	image_deinit(&image);
}
END_TEST

START_TEST(image_reads_bytes)
{
	_cleanup_free_ uint8_t *bytes = counting_bytes(0);
	struct image image;
	uint64_t word;
	uint8_t out[8];

	image_init(&image);
	image_add_bytes(&image, 0x10000, SIZE, bytes);
	image_seal(&image);
	ck_assert_ptr_eq(image_view(&image, 0x10000, SIZE), bytes);
	ck_assert_ptr_eq(image_view(&image, 0x10fff, 1), bytes + 0xfff);
	ck_assert_ptr_null(image_view(&image, 0x10fff, 2));
	ck_assert_ptr_null(image_view(&image, 0xffff, 1));
	ck_assert_ptr_null(image_view(&image, 0x11000, 1));
	ck_assert_ptr_null(image_view(&image, 0x10000, UINT64_MAX));
	ck_assert(image_get(&image, 0x10ff8, out, 8));
	ck_assert_mem_eq(out, bytes + 0xff8, 8);
	ck_assert(!image_get(&image, 0x10ff9, out, 8));
	ck_assert(!image_get(&image, 0xfffe, out, 8));
	ck_assert(image_get_word(&image, 0x10001, &word));
	ck_assert_mem_eq(&word, bytes + 1, 8);
	word = 4711;
	ck_assert(!image_get_word(&image, 0x10ff9, &word));
	ck_assert_uint_eq(word, 4711);
	image_deinit(&image);
}
END_TEST

START_TEST(image_read_names_what_is_missing)
{
	struct image image;
	uint8_t out[16];

	image_init(&image);
	image_seal(&image);

	struct error *error = image_read(&image, 0xdead0, out, sizeof(out), "the arena");

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->code, ERROR_FAULT);
	ck_assert_uint_eq(error->address, 0xdead0);
	ck_assert_ptr_nonnull(strstr(error->message, "the arena"));
	ck_assert_ptr_nonnull(strstr(error->message, "0xdead0"));
	error_destroy(error);
	image_deinit(&image);
}
END_TEST

START_TEST(image_reads_across_segments)
{
	_cleanup_free_ uint8_t *low = counting_bytes(0);
	_cleanup_free_ uint8_t *high = counting_bytes(100);
	_cleanup_close_ int fd = counting_file(50);
	struct image image;
	uint8_t out[SIZE + 16], expected[SIZE + 16];

	image_init(&image);
	// Out of order, and [bytes][file][bytes] side by side.
	image_add_bytes(&image, 0x12000, SIZE, high);
	image_add_file(&image, 0x11000, SIZE, fd, 0);
	image_add_bytes(&image, 0x10000, SIZE, low);
	image_seal(&image);
	ck_assert_uint_eq(image.segments.n, 3);
	ck_assert(image_get(&image, 0x10ff8, out, sizeof(out)));
	memcpy(expected, low + SIZE - 8, 8);
	for (unsigned i = 0; i < SIZE; i++)
		expected[8 + i] = (uint8_t)(50 + i);
	memcpy(expected + 8 + SIZE, high, 8);
	ck_assert_mem_eq(out, expected, sizeof(out));
	ck_assert_ptr_null(image_view(&image, 0x10ff8, 16));
	ck_assert_ptr_null(image_view(&image, 0x11000, 1));
	ck_assert(!image_get(&image, 0x12ff8, out, 16));
	image_deinit(&image);
}
END_TEST

START_TEST(image_file_ends_where_it_ends)
{
	_cleanup_close_ int fd = counting_file(0);
	struct image image;
	uint8_t out[64];

	image_init(&image);
	// More is mapped than the file has; never zeros instead.
	image_add_file(&image, 0x10000, 4 * SIZE, fd, SIZE / 2);
	image_add_file(&image, 0x20000, SIZE, fd, UINT64_MAX - 100);
	image_add_file(&image, 0x30000, SIZE, fd, INT64_MAX);
	image_seal(&image);
	ck_assert(image_get(&image, 0x10000 + SIZE / 2 - 64, out, 64));
	ck_assert(!image_get(&image, 0x10000 + SIZE / 2 - 63, out, 64));
	ck_assert(!image_get(&image, 0x11000, out, 1));
	ck_assert(!image_get(&image, 0x20000, out, 1));
	ck_assert(!image_get(&image, 0x20000 + 200, out, 1));
	ck_assert(!image_get(&image, 0x30001, out, 1));
	image_deinit(&image);
}
END_TEST

START_TEST(image_captured_bytes_win)
{
	_cleanup_free_ uint8_t *bytes = counting_bytes(7);
	_cleanup_close_ int fd = counting_file(0);
	struct image image;
	uint8_t out[4 * SIZE];

	image_init(&image);
	image_add_file(&image, 0x10000, SIZE, fd, 0);
	// A page in the middle of the file's was changed, and of two copies the first one counts.
	image_add_bytes(&image, 0x10400, 0x200, bytes);
	image_add_bytes(&image, 0x10500, 0x200, bytes);
	image_seal(&image);
	ck_assert_uint_eq(image.segments.n, 4);
	ck_assert(image_get(&image, 0x10000, out, SIZE));
	for (unsigned i = 0; i < SIZE; i++) {
		uint8_t expected = i >= 0x400 && i < 0x600   ? bytes[i - 0x400]
				   : i >= 0x600 && i < 0x700 ? bytes[i - 0x500]
							     : (uint8_t)i;

		ck_assert_msg(out[i] == expected, "byte 0x%x is %u, not %u", i, out[i], expected);
	}
	image_deinit(&image);
}
END_TEST

START_TEST(image_untouched_pages_are_zero)
{
	_cleanup_free_ uint8_t *memory = xcalloc(3, SIZE);
	struct image image;
	uint8_t out[3 * SIZE];

	memset(memory, 1, SIZE);
	memset(memory + 2 * SIZE, 3, SIZE);
	image_init(&image);
	image_add_bytes(&image, 0x10000, SIZE, memory);
	image_add_untouched(&image, 0x11000, SIZE, memory + SIZE);
	image_add_bytes(&image, 0x12000, SIZE, memory + 2 * SIZE);
	// A reserve that is too large for our own address space.
	image_add_untouched(&image, UINT64_C(1) << 46, UINT64_C(1) << 46, NULL);
	image_seal(&image);
	ck_assert_uint_eq(image.segments.n, 4);
	ck_assert(image.segments.v[1].untouched && !image.segments.v[0].untouched);
	// A view goes across, since they lie side by side.
	ck_assert_ptr_eq(image_view(&image, 0x10000, 3 * SIZE), memory);
	ck_assert_ptr_null(image_view(&image, 0x10000, 3 * SIZE + 1));
	ck_assert(image_get(&image, 0x10000, out, 3 * SIZE));
	ck_assert_mem_eq(out, memory, 3 * SIZE);
	ck_assert(image_get(&image, (UINT64_C(1) << 46) + 12345, out, 100));
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(out[i], 0);
	ck_assert_ptr_null(image_view(&image, UINT64_C(1) << 46, 1));
	image_deinit(&image);
}
END_TEST

START_TEST(image_joins_what_continues)
{
	_cleanup_free_ uint8_t *bytes = xcalloc(4, SIZE);
	_cleanup_close_ int fd = counting_file(0);
	struct image image;

	image_init(&image);
	image_add_bytes(&image, 0x10000, SIZE, bytes);
	image_add_bytes(&image, 0x11000, SIZE, bytes + SIZE);
	image_add_bytes(&image, 0x12000, SIZE, bytes + 3 * SIZE);
	image_add_file(&image, 0x20000, 0x100, fd, 0);
	image_add_file(&image, 0x20100, 0x100, fd, 0x100);
	image_add_file(&image, 0x20200, 0x100, fd, 0x100);
	image_seal(&image);
	ck_assert_uint_eq(image.segments.n, 4);
	ck_assert_uint_eq(image.segments.v[0].end, 0x12000);
	ck_assert_uint_eq(image.segments.v[2].end, 0x20200);
	image_deinit(&image);
}
END_TEST

START_TEST(image_keeps_to_the_address_space)
{
	_cleanup_free_ uint8_t *bytes = counting_bytes(0);
	struct image image;
	uint8_t byte;

	image_init(&image);
	image_add_bytes(&image, UINT64_MAX - 16, SIZE, bytes);
	image_add_bytes(&image, 0x1000, 0, bytes);
	image_add_untouched(&image, UINT64_C(1) << 60, UINT64_MAX, NULL);
	image_seal(&image);
	ck_assert(image_get(&image, UINT64_MAX - 1, &byte, 1));
	ck_assert_uint_eq(byte, 15);
	ck_assert(!image_get(&image, UINT64_MAX - 1, (uint8_t[2]){ 0 }, 2));
	ck_assert(!image_get(&image, UINT64_MAX, &byte, 1));
	ck_assert_ptr_null(image_find(&image, 0x1000));
	image_deinit(&image);
}
END_TEST

/* Against a plain array that is painted in order of rank: random overlaps of all kinds. */
START_TEST(image_settles_random_overlaps)
{
	enum { SPACE = 600, CLAIMS = 40 };
	_cleanup_close_ int fd = counting_file(3);
	unsigned random = 1;

	for (unsigned round = 0; round < 100; round++) {
		struct image image;
		uint8_t pool[SPACE * 2];
		int expected[SPACE];
		struct {
			unsigned start, size, kind, place;
		} claims[CLAIMS];

		for (unsigned i = 0; i < sizeof(pool); i++)
			pool[i] = (uint8_t)(random = random * 1103515245 + 12345, random >> 16);
		for (unsigned i = 0; i < SPACE; i++)
			expected[i] = -1;
		image_init(&image);
		for (unsigned i = 0; i < CLAIMS; i++) {
			random = random * 1103515245 + 12345;
			claims[i].start = (random >> 8) % SPACE;
			claims[i].size = (random >> 16) % 60;
			if (claims[i].start + claims[i].size > SPACE)
				claims[i].size = SPACE - claims[i].start;
			claims[i].kind = (random >> 24) % 3;
			claims[i].place = (random >> 12) % SPACE;
			if (claims[i].kind == 0)
				image_add_bytes(&image, claims[i].start, claims[i].size,
						pool + claims[i].place);
			else if (claims[i].kind == 1)
				image_add_untouched(&image, claims[i].start, claims[i].size, NULL);
			else
				image_add_file(&image, claims[i].start, claims[i].size, fd,
					       claims[i].place);
		}
		image_seal(&image);
		for (unsigned kind = 0; kind < 3; kind++)
			for (unsigned i = 0; i < CLAIMS; i++)
				for (unsigned at = 0; claims[i].kind == kind && at < claims[i].size;
				     at++)
					if (expected[claims[i].start + at] < 0)
						expected[claims[i].start + at] =
							kind == 0 ? pool[claims[i].place + at]
							: kind == 1
								? 0
								: (uint8_t)(3 + claims[i].place +
									    at);
		for (unsigned i = 0; i < SPACE; i++) {
			uint8_t byte = 0;

			ck_assert_msg(image_get(&image, i, &byte, 1) == (expected[i] >= 0),
				      "round %u: presence at %u", round, i);
			ck_assert_msg(expected[i] < 0 || byte == expected[i], "round %u: at %u",
				      round, i);
		}
		for (size_t i = 1; i < image.segments.n; i++)
			ck_assert_uint_ge(image.segments.v[i].start, image.segments.v[i - 1].end);
		ck_assert_uint_le(image.segments.n, 2 * CLAIMS);
		image_deinit(&image);
	}
}
END_TEST

START_TEST(image_seals_many_overlaps_quickly)
{
	enum { MANY = 200000 };
	struct image image;
	uint8_t byte;

	// Every one of them begins inside all before it: quadratic would be 40 billion steps.
	image_init(&image);
	for (unsigned i = 0; i < MANY; i++)
		image_add_untouched(&image, MANY - i, UINT64_C(1) << 40, NULL);
	image_seal(&image);
	ck_assert(image_get(&image, 1, &byte, 1));
	ck_assert(image_get(&image, MANY + (UINT64_C(1) << 40) - 1, &byte, 1));
	ck_assert(!image_get(&image, MANY + (UINT64_C(1) << 40), &byte, 1));
	image_deinit(&image);
}
END_TEST

START_TEST(image_reads_strings)
{
	static const char text[] = "first\0second";
	_cleanup_close_ int fd = counting_file('a'); // «abc…», 0 after 159 bytes
	struct image image;

	image_init(&image);
	image_add_bytes(&image, 0x1000, sizeof(text), text);
	image_add_bytes(&image, 0x2000, 3, "abc");
	image_add_bytes(&image, 0x2003, 3, "de");
	image_add_bytes(&image, 0x3000, 3, "end");
	image_add_file(&image, 0x10000, SIZE, fd, 0);
	image_add_file(&image, 0x20000, 2 * SIZE, fd, SIZE - 100);
	image_seal(&image);

	char *string = image_get_string(&image, 0x1000, 5);

	ck_assert_str_eq(string, "first");
	free(string);
	ck_assert_ptr_null(image_get_string(&image, 0x1000, 4));
	string = image_get_string(&image, 0x1006, 100);
	ck_assert_str_eq(string, "second");
	free(string);
	string = image_get_string(&image, 0x1005, 0);
	ck_assert_str_eq(string, "");
	free(string);
	ck_assert_ptr_null(image_get_string(&image, 0x1006, 0));
	string = image_get_string(&image, 0x2000, 100);
	ck_assert_str_eq(string, "abcde");
	free(string);
	// It leaves the image before it ends, or is not in it at all.
	ck_assert_ptr_null(image_get_string(&image, 0x3000, 100));
	ck_assert_ptr_null(image_get_string(&image, 0x4000, 100));
	string = image_get_string(&image, 0x10000, 1000);
	ck_assert_uint_eq(strlen(string), 159);
	free(string);
	ck_assert_ptr_null(image_get_string(&image, 0x10000, 158));
	string = image_get_string(&image, 0x10001, 158);
	ck_assert_uint_eq(strlen(string), 158);
	free(string);
	// The file ends behind the string, but within what would be read at once.
	string = image_get_string(&image, 0x20000, 1000);
	ck_assert_ptr_nonnull(string);
	ck_assert_uint_lt(strlen(string), 100);
	free(string);
	image_deinit(&image);
}
END_TEST

START_TEST(image_fails_the_read_that_a_test_asks_for)
{
	_cleanup_free_ uint8_t *bytes = counting_bytes(0);
	struct image image;
	uint64_t word;

	image_init(&image);
	image_add_bytes(&image, 0x1000, SIZE, bytes);
	image_seal(&image);
	for (uint64_t k = 0; k < 6; k++) {
		uint64_t left = k, succeeded = 0;

		image.reads_left = &left;
		succeeded += image_view(&image, 0x1000, 1) != NULL;
		succeeded += image_get_word(&image, 0x1000, &word);

		char *string = image_get_string(&image, 0x1f00, SIZE);

		succeeded += string != NULL;
		free(string);

		struct error *error = image_read(&image, 0x1000, &word, sizeof(word), "a word");

		succeeded += !error;
		error_destroy(error);
		ck_assert_uint_eq(succeeded, k < 4 ? k : 4);
	}
	image_deinit(&image);
}
END_TEST

UNIT_SUITE("image", image_empty_holds_nothing, image_reads_bytes, image_read_names_what_is_missing,
	   image_reads_across_segments, image_file_ends_where_it_ends, image_captured_bytes_win,
	   image_untouched_pages_are_zero, image_joins_what_continues,
	   image_keeps_to_the_address_space, image_settles_random_overlaps,
	   image_seals_many_overlaps_quickly, image_reads_strings,
	   image_fails_the_read_that_a_test_asks_for)
