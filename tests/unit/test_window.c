/* SPDX-License-Identifier: MIT */
/* Windows: the same words as image_get_word() gives, whatever was read before. */
#include "target/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static uint8_t bytes[256];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 1);
}

static uint64_t word_of(size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

START_TEST(words_inside_a_segment_and_at_its_ends)
{
	struct image image;
	struct window window;
	uint64_t word = 0;

	fill();
	image_init(&image);
	image_add_bytes(&image, 0x1000, 64, bytes);
	image_seal(&image);
	window_init(&window, &image);
	ck_assert(window_word(&window, 0x1000, &word));
	ck_assert_uint_eq(word, word_of(0));
	ck_assert(window_word(&window, 0x1038, &word));
	ck_assert_uint_eq(word, word_of(56));
	ck_assert(window_word(&window, 0x1003, &word));
	ck_assert_uint_eq(word, word_of(3));
	word = 42;
	ck_assert(!window_word(&window, 0x1039, &word));
	ck_assert(!window_word(&window, 0xff9, &word));
	ck_assert(!window_word(&window, 0xfff, &word));
	ck_assert(!window_word(&window, 0x1040, &word));
	ck_assert(!window_word(&window, 0, &word));
	ck_assert(!window_word(&window, UINT64_MAX, &word));
	ck_assert(!window_word(&window, UINT64_MAX - 7, &word));
	ck_assert_uint_eq(word, 42);
	// What failed in between did no harm.
	ck_assert(window_word(&window, 0x1008, &word));
	ck_assert_uint_eq(word, word_of(8));
	image_deinit(&image);
}
END_TEST

START_TEST(an_empty_image_has_no_words)
{
	struct image image;
	struct window window;
	uint64_t word = 42;

	image_init(&image);
	image_seal(&image);
	window_init(&window, &image);
	ck_assert(!window_word(&window, 0, &word));
	ck_assert(!window_word(&window, 0x1000, &word));
	ck_assert_uint_eq(word, 42);
	image_deinit(&image);
}
END_TEST

START_TEST(words_across_segments_and_of_segments_smaller_than_a_word)
{
	struct image image;
	struct window window;
	uint64_t word;

	fill();
	image_init(&image);
	// [0x1000, 0x1010) in two places of our memory, then four bytes of their own, then a gap.
	image_add_bytes(&image, 0x1000, 12, bytes);
	image_add_bytes(&image, 0x100c, 12, bytes + 100);
	image_add_bytes(&image, 0x1018, 4, bytes + 200);
	image_add_bytes(&image, 0x2000, 4, bytes);
	image_seal(&image);
	ck_assert_uint_eq(image.segments.n, 4);
	window_init(&window, &image);
	for (unsigned pass = 0; pass < 2; pass++) {
		uint8_t expected[8];

		ck_assert(window_word(&window, 0x1008, &word));
		memcpy(expected, bytes + 8, 4);
		memcpy(expected + 4, bytes + 100, 4);
		ck_assert_mem_eq(&word, expected, 8);
		ck_assert(window_word(&window, 0x1014, &word));
		memcpy(expected, bytes + 108, 4);
		memcpy(expected + 4, bytes + 200, 4);
		ck_assert_mem_eq(&word, expected, 8);
		ck_assert(!window_word(&window, 0x1018, &word));
		ck_assert(!window_word(&window, 0x2000, &word));
		ck_assert(window_word(&window, 0x100c, &word));
		ck_assert_uint_eq(word, word_of(100));
	}
	image_deinit(&image);
}
END_TEST

START_TEST(untouched_pages_and_files_are_read_too)
{
	struct image image;
	struct window window;
	uint64_t word = 42;
	FILE *file = tmpfile();

	fill();
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	ck_assert_int_eq(fflush(file), 0);
	image_init(&image);
	image_add_untouched(&image, 0x1000, 0x1000, NULL);
	image_add_bytes(&image, 0x2000, 64, bytes);
	image_add_file(&image, 0x3000, 64, fileno(file), 8);
	// A file shorter than its mapping.
	image_add_file(&image, 0x4000, 512, fileno(file), 0);
	image_seal(&image);
	window_init(&window, &image);
	ck_assert(window_word(&window, 0x1ff8, &word));
	ck_assert_uint_eq(word, 0);
	ck_assert(window_word(&window, 0x1ffc, &word));
	ck_assert_uint_eq(word, (uint64_t)(uint32_t)word_of(0) << 32);
	ck_assert(window_word(&window, 0x3000, &word));
	ck_assert_uint_eq(word, word_of(8));
	ck_assert(window_word(&window, 0x40f8, &word));
	ck_assert(!window_word(&window, 0x40f9, &word));
	ck_assert(window_word(&window, 0x2008, &word));
	ck_assert_uint_eq(word, word_of(8));
	image_deinit(&image);
	fclose(file);
}
END_TEST

START_TEST(random_reads_agree_with_the_image)
{
	struct image image;
	struct window window;

	fill();
	srand(1);
	image_init(&image);
	for (vaddr at = 0x1000; at < 0x3000;) {
		uint64_t size = (uint64_t)rand() % 24 + 1;

		if (rand() % 4)
			image_add_bytes(&image, at, size, bytes + rand() % 200);
		else if (rand() % 2)
			image_add_untouched(&image, at, size, NULL);
		at += size;
	}
	image_seal(&image);
	window_init(&window, &image);
	for (unsigned i = 0; i < 200000; i++) {
		vaddr at = 0xff0 + (vaddr)rand() % 0x2020;
		uint64_t a = 1, b = 1;
		bool has_a = window_word(&window, at, &a), has_b = image_get_word(&image, at, &b);

		if (has_a != has_b || a != b)
			ck_abort_msg("reads at 0x%" PRIx64 " differ", at);
	}
	image_deinit(&image);
}
END_TEST

START_TEST(the_next_address_that_is_more_than_zeros)
{
	struct image image;
	struct window window;

	fill();
	image_init(&image);
	image_seal(&image);
	window_init(&window, &image);
	ck_assert_uint_eq(window_next(&window, 0), VADDR_NONE);
	image_deinit(&image);

	image_init(&image);
	image_add_untouched(&image, 0x1000, 0x1000, NULL);
	image_add_bytes(&image, 0x2000, 64, bytes);
	image_add_untouched(&image, 0x3000, UINT64_C(1) << 45, NULL);
	image_add_file(&image, (UINT64_C(1) << 45) + 0x5000, 64, 0, 0);
	image_add_untouched(&image, UINT64_C(1) << 46, 0x1000, NULL);
	image_seal(&image);
	window_init(&window, &image);
	ck_assert_uint_eq(window_next(&window, 0), 0x2000);
	ck_assert_uint_eq(window_next(&window, 0x1008), 0x2000);
	ck_assert_uint_eq(window_next(&window, 0x2000), 0x2000);
	ck_assert_uint_eq(window_next(&window, 0x203f), 0x203f);
	ck_assert_uint_eq(window_next(&window, 0x2040), (UINT64_C(1) << 45) + 0x5000);
	ck_assert_uint_eq(window_next(&window, 0x3000), (UINT64_C(1) << 45) + 0x5000);
	ck_assert_uint_eq(window_next(&window, (UINT64_C(1) << 45) + 0x5040), VADDR_NONE);
	ck_assert_uint_eq(window_next(&window, UINT64_C(1) << 46), VADDR_NONE);
	ck_assert_uint_eq(window_next(&window, UINT64_MAX), VADDR_NONE);
	image_deinit(&image);
}
END_TEST

UNIT_SUITE("window", words_inside_a_segment_and_at_its_ends, an_empty_image_has_no_words,
	   words_across_segments_and_of_segments_smaller_than_a_word,
	   untouched_pages_and_files_are_read_too, random_reads_agree_with_the_image,
	   the_next_address_that_is_more_than_zeros)
