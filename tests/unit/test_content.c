/* SPDX-License-Identifier: MIT */
/* Content: every class with what it must be told from; sizes, slack and stale bytes; no byte is read beyond what is there. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "heap/chunks.h"
#include "target/window.h"
#include "types/content.h"
#include "unit.h"

enum {
	PAGE = 4096,
	ROWS = 64,
};

#define FIRST_ROW UINT64_C(0x55555575a2a0)

/* Bytes that end at the end of a page behind which there is nothing. */
static uint8_t *at_the_edge(const void *bytes, size_t size)
{
	size_t pages = (size + PAGE - 1) / PAGE * PAGE;
	uint8_t *memory = mmap(NULL, pages + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + pages, PAGE, PROT_NONE), 0);
	uint8_t *at = memory + pages - size;
	memcpy(at, bytes, size);
	return at;
}

static void edge_free(uint8_t *at, size_t size)
{
	size_t pages = (size + PAGE - 1) / PAGE * PAGE;

	munmap(at + size - pages, pages + PAGE);
}

/* The content of exactly these bytes, in a chunk of that size. */
static struct content content_in(const void *bytes, size_t size, uint64_t usable, const struct chunks *chunks)
{
	uint8_t *at = at_the_edge(bytes, size);
	struct content found = content_of_bytes(at, size, usable, chunks);

	edge_free(at, size);
	ck_assert((found.kind == CONTENT_UNKNOWN) == (found.confidence == 0));
	ck_assert_uint_le(found.confidence, 100);
	return found;
}

/* Usable size of what malloc gives for so many bytes. */
static uint64_t usable_of(size_t size)
{
	size_t chunk = (size + 8 + 15) & ~(size_t)15;

	return (chunk < 32 ? 32 : chunk) - 8;
}

/* The content of a chunk that was made for these bytes, behind which lies what others left. */
static struct content content_made(const void *bytes, size_t size)
{
	uint64_t usable = usable_of(size);
	uint8_t copy[2 * PAGE];

	ck_assert_uint_le(usable, sizeof(copy));
	memset(copy, 0xa5, usable);
	memcpy(copy, bytes, size);
	return content_in(copy, usable < CONTENT_LOOK ? usable : CONTENT_LOOK, usable, NULL);
}

/* Of a string with its NUL. */
static struct content content_of_string(const char *string)
{
	return content_made(string, strlen(string) + 1);
}

#define IS(content, wanted) ck_assert_str_eq(content_name((content).kind), content_name(wanted))

static struct chunks some_chunks(void)
{
	struct chunks chunks;

	chunks_init(&chunks);
	for (unsigned i = 0; i < ROWS; i++)
		chunks_add(&chunks, FIRST_ROW + i * 0x40, 0x38, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&chunks);
	return chunks;
}

START_TEST(every_class_has_a_name)
{
	for (unsigned kind = 0; kind < CONTENT_KINDS; kind++) {
		ck_assert_ptr_nonnull(content_name(kind));
		for (unsigned other = 0; other < kind; other++)
			ck_assert_str_ne(content_name(kind), content_name(other));
	}
}
END_TEST

START_TEST(zeros_are_zeros)
{
	uint8_t bytes[CONTENT_LOOK] = {0};

	for (size_t size = 24; size <= CONTENT_LOOK; size += 8) {
		IS(content_in(bytes, size, size, NULL), CONTENT_ZERO);
		bytes[size - 1] = 1;
		ck_assert_int_ne(content_in(bytes, size, size, NULL).kind, CONTENT_ZERO);
		bytes[size - 1] = 0;
	}
	ck_assert_uint_gt(content_in(bytes, 4096, 4096, NULL).confidence, content_in(bytes, 24, 24, NULL).confidence);
}
END_TEST

START_TEST(zeros_are_sampled_behind_the_look)
{
	enum { SIZE = 1 << 20 };
	struct image image;
	struct window window;
	uint8_t *bytes = xcalloc(SIZE, 1);
	const vaddr mem = 0x7ffff0000010;

	image_init(&image);
	image_add_bytes(&image, mem, SIZE, bytes);
	image_seal(&image);
	window_init(&window, &image);
	IS(content_of_chunk(&window, mem, SIZE, NULL), CONTENT_ZERO);
	bytes[SIZE - 1] = 1;
	IS(content_of_chunk(&window, mem, SIZE, NULL), CONTENT_UNKNOWN);
	bytes[SIZE - 1] = 0;
	memset(bytes + SIZE / 2, 1, SIZE / 8);
	IS(content_of_chunk(&window, mem, SIZE, NULL), CONTENT_UNKNOWN);
	// What is not there is nothing.
	IS(content_of_chunk(&window, mem + SIZE - 8, 64, NULL), CONTENT_UNKNOWN);
	IS(content_of_chunk(&window, mem - 64, 24, NULL), CONTENT_UNKNOWN);
	strcpy((char *)bytes, "text that lies in an image");
	IS(content_of_chunk(&window, mem, 40, NULL), CONTENT_TEXT);
	image_deinit(&image);
	free(bytes);
}
END_TEST

START_TEST(chunks_across_two_pieces_are_copied)
{
	struct image image;
	struct window window;
	char first[] = "a text that is cut in t", second[64] = "wo pieces of memory";

	image_init(&image);
	image_add_bytes(&image, 0x10000, 23, first);
	image_add_bytes(&image, 0x10017, 64, second);
	image_seal(&image);
	window_init(&window, &image);
	struct content found = content_of_chunk(&window, 0x10000, 56, NULL);
	IS(found, CONTENT_TEXT);
	ck_assert_uint_ge(found.confidence, 90);
	image_deinit(&image);
}
END_TEST

START_TEST(text_is_told_by_its_length_and_place)
{
	struct content found = content_of_string("hello, world");

	IS(found, CONTENT_TEXT);
	ck_assert_uint_ge(found.confidence, 85);
	IS(content_of_string("name"), CONTENT_TEXT);
	IS(content_of_string("a\tline\r\n"), CONTENT_TEXT);
	IS(content_of_string("\x1b[1mbold\x1b[0m"), CONTENT_TEXT);
	IS(content_of_string("Grüße aus Köln"), CONTENT_TEXT);
	IS(content_of_string("Привет, мир"), CONTENT_TEXT);
	IS(content_of_string("漢字かな交じり文"), CONTENT_TEXT);
	IS(content_of_string("tears of joy \xf0\x9f\x98\x82 indeed"), CONTENT_TEXT);
	IS(content_of_string("abc"), CONTENT_UNKNOWN);
	IS(content_of_string(""), CONTENT_UNKNOWN);
	// Latin-1, a control character, an encoding that is longer than needed, a surrogate.
	IS(content_of_string("caf\xe9 au lait"), CONTENT_UNKNOWN);
	IS(content_of_string("one\x01two"), CONTENT_UNKNOWN);
	IS(content_of_string("ab\xc0\xaf" "cd"), CONTENT_UNKNOWN);
	IS(content_of_string("ab\xed\xa0\x80" "cd"), CONTENT_UNKNOWN);
	IS(content_of_string("ab\xf4\x90\x80\x80" "cd"), CONTENT_UNKNOWN);
	// A long text without an end fills its chunk.
	char all[120];
	memset(all, 'x', sizeof(all));
	IS(content_in(all, sizeof(all), sizeof(all), NULL), CONTENT_TEXT);
	IS(content_in(all, sizeof(all), 100000, NULL), CONTENT_TEXT);
	// A short one with garbage behind it proves nothing.
	memset(all + 8, 0xee, 112);
	IS(content_in(all, sizeof(all), sizeof(all), NULL), CONTENT_UNKNOWN);
}
END_TEST

START_TEST(text_in_front_of_a_struct_is_doubted)
{
	struct chunks chunks = some_chunks();
	uint64_t words[16] = {0};

	strcpy((char *)words, "conn-17");
	unsigned alone = content_in(words, sizeof(words), sizeof(words), &chunks).confidence;
	words[3] = FIRST_ROW + 0x40;
	struct content found = content_in(words, sizeof(words), sizeof(words), &chunks);
	ck_assert_uint_lt(found.confidence, alone);
	ck_assert_uint_lt(found.confidence, 50);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(addresses_that_can_be_printed_are_no_text)
{
	struct chunks chunks = some_chunks();
	uint64_t words[3] = {UINT64_C(0x0000555555756260), 0, 0};

	// «`buUUU» and two NULs.
	ck_assert_uint_eq(strlen((char *)words), 6);
	IS(content_in(words, sizeof(words), sizeof(words), NULL), CONTENT_UNKNOWN);
	words[0] = UINT64_C(0x00007f7f41424344);
	IS(content_in(words, sizeof(words), sizeof(words), NULL), CONTENT_UNKNOWN);
	memcpy(words, "abcdef\0", 8);
	IS(content_in(words, sizeof(words), sizeof(words), NULL), CONTENT_TEXT);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(strings_behind_their_header)
{
	uint8_t bytes[64];

	// sds of redis, one byte each: length, capacity, flags.
	memset(bytes, 0xa5, sizeof(bytes));
	memcpy(bytes, "\x14\x14\x01" "a string of 20 bytes", 24);
	struct content found = content_in(bytes, 24, 24, NULL);
	IS(found, CONTENT_TEXT);
	ck_assert_uint_eq(found.offset, 3);
	// Flags that do not fit.
	bytes[2] = 7;
	ck_assert_uint_ne(content_in(bytes, 24, 24, NULL).offset, 3);

	// std::string before C++11: 24 bytes, the text, a NUL.
	uint64_t words[7] = {11, 11, 0};
	strcpy((char *)&words[3], "eleven char");
	found = content_in(words, 40, 40, NULL);
	IS(found, CONTENT_TEXT);
	ck_assert_uint_eq(found.offset, 24);

	// A length, then so many bytes.
	memset(words, 0, sizeof(words));
	words[0] = 27;
	strcpy((char *)&words[1], "as many characters as it is");
	found = content_in(words, 40, 40, NULL);
	IS(found, CONTENT_TEXT);
	ck_assert_uint_eq(found.offset, 8);
	// Another length.
	words[0] = 200;
	ck_assert_uint_eq(content_in(words, 40, 40, NULL).confidence, 0);
}
END_TEST

START_TEST(text_that_is_more)
{
	static const struct {
		const char *text;
		enum content_kind kind;
	} cases[] = {
		{"{\"a\": 1, \"b\": [true]}", CONTENT_JSON}, {"  {\n\t\"name\" : \"x\"\n}", CONTENT_JSON}, {"[1, 2, 3]", CONTENT_JSON},
		{"[{\"id\":1},{\"id\":2}]", CONTENT_JSON}, {"[\"a\",\"b\"]", CONTENT_JSON}, {"[[1,2],[3,4]]", CONTENT_JSON},
		{"[ -1.5e3 ]", CONTENT_JSON}, {"[{}]    ", CONTENT_JSON}, {"[12:30] it began", CONTENT_TEXT}, {"{not json}", CONTENT_TEXT},
		{"{\"only a quote", CONTENT_TEXT}, {"[info] started", CONTENT_TEXT}, {"[section]", CONTENT_TEXT}, {"{\"a\" = 1}", CONTENT_TEXT},
		{"[[[[", CONTENT_TEXT}, {"{{{{", CONTENT_TEXT}, {"{}{}", CONTENT_TEXT},
		{"<?xml version=\"1.0\"?><a/>", CONTENT_XML}, {"<!DOCTYPE html><p>", CONTENT_XML}, {"<html><body>x</body></html>", CONTENT_XML},
		{"<string> of characters", CONTENT_TEXT}, {"<- left of it", CONTENT_TEXT}, {"<iostream>", CONTENT_TEXT},
		{"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", CONTENT_HTTP}, {"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n", CONTENT_HTTP},
		{"GET /index.html", CONTENT_TEXT}, {"POST /x HTTP/1.0\r\n\r\n", CONTENT_HTTP},
		{"-----BEGIN CERTIFICATE-----\nMIIB", CONTENT_PEM}, {"-----------------------------", CONTENT_TEXT},
		{"da39a3ee5e6b4b0d3255bfef95601890afd80709", CONTENT_HEX}, {"DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", CONTENT_HEX},
		{"da39a3ee5e6b4b0d", CONTENT_TEXT}, {"00000000000000000000000000000000000000", CONTENT_TEXT},
		{"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIDEzIGxhenkgZG9ncy4=", CONTENT_BASE64},
		{"ThisIsTheNameOfAVeryLongClassThatSomebodyWrote", CONTENT_TEXT}, {"usr_share_doc_packages_with_long_names_indeed", CONTENT_TEXT},
		{"/usr/share/doc/Packages/With/Long/Names/Indeed", CONTENT_TEXT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct content found = content_of_string(cases[i].text);

		ck_assert_msg(found.kind == cases[i].kind, "%s: %s", cases[i].text, content_name(found.kind));
	}
}
END_TEST

static void put_wide(uint8_t *at, const char *text, unsigned width, bool is_big_endian)
{
	for (size_t i = 0; i <= strlen(text); i++) {
		memset(at + i * width, 0, width);
		at[i * width + (is_big_endian ? width - 1 : 0)] = (uint8_t)text[i];
	}
}

START_TEST(wide_text)
{
	uint8_t bytes[256];
	const char *text = "The window title";

	memset(bytes, 0xa5, sizeof(bytes));
	put_wide(bytes, text, 2, false);
	IS(content_in(bytes, 40, 40, NULL), CONTENT_UTF16);
	put_wide(bytes, text, 2, true);
	IS(content_in(bytes, 40, 40, NULL), CONTENT_UTF16);
	put_wide(bytes, text, 4, false);
	IS(content_in(bytes, 72, 72, NULL), CONTENT_UTF32);
	memcpy(bytes, "\xff\xfe", 2);
	put_wide(bytes + 2, text, 2, false);
	IS(content_in(bytes, 40, 40, NULL), CONTENT_UTF16);

	// «Привет, большой мир»: Cyrillic, ASCII between.
	static const uint16_t cyrillic[] = {0x41f, 0x440, 0x438, 0x432, 0x435, 0x442, ',', ' ', 0x431, 0x43e, 0x43b, 0x44c, 0x448, 0x43e, 0x439,
					    ' ', 0x43c, 0x438, 0x440, 0};
	IS(content_made(cyrillic, sizeof(cyrillic)), CONTENT_UTF16);

	// Plain text that ends early is none, though its letters in pairs are Chinese.
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "short", 6);
	ck_assert_int_ne(content_in(bytes, 64, 64, NULL).kind, CONTENT_UTF16);

	// Numbers are none, whatever their width.
	uint16_t shorts[32];
	for (unsigned i = 0; i < 32; i++)
		shorts[i] = (uint16_t)(i * 37 % 61 + 1);
	ck_assert_int_ne(content_made(shorts, sizeof(shorts)).kind, CONTENT_UTF16);
	uint32_t ints[32];
	for (unsigned i = 0; i < 32; i++)
		ints[i] = i * 13 % 50 + 33;
	ck_assert_int_ne(content_made(ints, sizeof(ints)).kind, CONTENT_UTF32);
	memset(bytes, 'A', sizeof(bytes));
	for (unsigned i = 0; i < 64; i += 2)
		bytes[i + 1] = 0;
	ck_assert_int_ne(content_in(bytes, 64, 64, NULL).kind, CONTENT_UTF16);
}
END_TEST

START_TEST(formats_by_their_magic)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum content_kind kind;
	} cases[] = {
		{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10, CONTENT_GZIP}, {"\x28\xb5\x2f\xfd\x04\x58", 6, CONTENT_ZSTD},
		{"\xfd" "7zXZ\0\0\x04", 8, CONTENT_XZ}, {"BZh91AY&SY\x12\x34", 12, CONTENT_BZIP2}, {"\x04\x22\x4d\x18\x64\x40", 6, CONTENT_LZ4},
		{"\xff\x06\x00\x00sNaPpY", 10, CONTENT_SNAPPY}, {"PK\x03\x04\x14\x00\x00", 7, CONTENT_ZIP},
		{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, CONTENT_PNG}, {"\xff\xd8\xff\xe0\0\x10JFIF", 10, CONTENT_JPEG},
		{"GIF89a\x10\0\x10\0\x80", 11, CONTENT_GIF}, {"RIFF\x24\x10\0\0WEBPVP8 ", 16, CONTENT_WEBP}, {"RIFF\x24\x10\0\0WAVEfmt ", 16, CONTENT_WAVE},
		{"\0\0\0\x20" "ftypisom\0\0\2\0", 16, CONTENT_MP4}, {"OggS\0\2\0\0\0\0", 10, CONTENT_OGG}, {"%PDF-1.7\n%\xe2\xe3\xcf\xd3", 14, CONTENT_PDF},
		{"wOF2\0\1\0\0", 8, CONTENT_FONT}, {"\x7f" "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\3\0\x3e\0", 20, CONTENT_ELF},
		{"\0asm\1\0\0\0", 8, CONTENT_WASM}, {"\xca\xfe\xba\xbe\0\0\0\x37", 8, CONTENT_JAVA_CLASS},
		{"SQLite format 3\0\x10\0\1\1", 20, CONTENT_SQLITE}, {"PAR1\x15\4\x15\x10", 8, CONTENT_PARQUET},
		{"\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94", 13, CONTENT_PICKLE}, {"\x17\x03\x03\x00\x40\x91\x82\x73", 8, CONTENT_TLS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[512];

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, cases[i].bytes, cases[i].size);
		// Something follows.
		for (size_t at = cases[i].size; at < sizeof(bytes); at++)
			bytes[at] = (uint8_t)(at * 37);
		struct content found = content_in(bytes, sizeof(bytes), sizeof(bytes), NULL);
		ck_assert_msg(found.kind == cases[i].kind && found.confidence >= 80, "%s: %s %u", content_name(cases[i].kind), content_name(found.kind),
			      found.confidence);
		// One bit less of the first bytes is not that (TLS has no more than its type and version to go by; bzip2 has a digit there).
		for (unsigned bit = 0; bit < (cases[i].kind == CONTENT_BZIP2 ? 24 : 32) && cases[i].kind != CONTENT_TLS && cases[i].kind != CONTENT_MP4 && cases[i].kind != CONTENT_JPEG &&
				       cases[i].kind != CONTENT_GZIP && cases[i].kind != CONTENT_PICKLE;
		     bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			found = content_in(bytes, sizeof(bytes), sizeof(bytes), NULL);
			ck_assert_msg(found.kind != cases[i].kind, "%s without bit %u", content_name(cases[i].kind), bit);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		// Cut short it is looked at, and no byte beyond.
		for (size_t size = 8; size < 40; size++)
			content_in(bytes, size, size, NULL);
	}
}
END_TEST

/* Bytes without order, the same on every machine. */
static void put_random(uint8_t *bytes, size_t size, uint64_t state)
{
	for (size_t i = 0; i < size; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = (uint8_t)(state >> 32);
	}
}

START_TEST(weak_magics_need_more)
{
	uint8_t bytes[512];

	put_random(bytes, sizeof(bytes), 88172645463325252u);
	IS(content_in(bytes, sizeof(bytes), sizeof(bytes), NULL), CONTENT_DENSE);
	memcpy(bytes, "\x78\x9c\x95", 3);
	IS(content_in(bytes, sizeof(bytes), sizeof(bytes), NULL), CONTENT_ZLIB);
	// A block of the type that there is not, a check that fails, bytes with an order.
	memcpy(bytes, "\x78\x9c\x97", 3);
	IS(content_in(bytes, sizeof(bytes), sizeof(bytes), NULL), CONTENT_DENSE);
	memcpy(bytes, "\x78\x9d\x95", 3);
	IS(content_in(bytes, sizeof(bytes), sizeof(bytes), NULL), CONTENT_DENSE);
	memset(bytes + 3, 7, sizeof(bytes) - 3);
	memcpy(bytes, "\x78\x9c\x95", 3);
	IS(content_in(bytes, sizeof(bytes), sizeof(bytes), NULL), CONTENT_UNKNOWN);

	// DER says how long it is.
	put_random(bytes, sizeof(bytes), 1234567);
	memcpy(bytes, "\x30\x82\x01\xf0\x30\x82", 6);
	IS(content_in(bytes, 512, 512, NULL), CONTENT_DER);
	IS(content_in(bytes, 512, 4096, NULL), CONTENT_DENSE);
	memcpy(bytes, "\x30\x82\x02\xf0\x30\x82", 6);
	IS(content_in(bytes, 512, 512, NULL), CONTENT_DENSE);
	// Short ones say nothing.
	IS(content_in(bytes, 64, 64, NULL), CONTENT_UNKNOWN);
}
END_TEST

START_TEST(pointers_are_those_to_chunks)
{
	struct chunks chunks = some_chunks();
	uint64_t words[64] = {0};

	for (unsigned i = 0; i < 64; i++)
		words[i] = FIRST_ROW + i % ROWS * 0x40;
	IS(content_in(words, sizeof(words), sizeof(words), &chunks), CONTENT_POINTERS);
	IS(content_in(words, 64, 64, &chunks), CONTENT_POINTERS);
	ck_assert_uint_gt(content_in(words, sizeof(words), sizeof(words), &chunks).confidence, content_in(words, 64, 64, &chunks).confidence);
	// Nobody says what chunks there are.
	IS(content_in(words, sizeof(words), sizeof(words), NULL), CONTENT_UNKNOWN);
	// Two or three are a struct.
	IS(content_in(words, 24, 24, &chunks), CONTENT_UNKNOWN);
	// A table of buckets is mostly empty.
	for (unsigned i = 0; i < 64; i++)
		words[i] = i % 3 ? 0 : FIRST_ROW + i * 0x40;
	IS(content_in(words, sizeof(words), sizeof(words), &chunks), CONTENT_POINTERS);
	// One word in four that is none.
	for (unsigned i = 0; i < 64; i++)
		words[i] = i % 4 ? FIRST_ROW + i * 0x40 : 0x1234567890;
	IS(content_in(words, sizeof(words), sizeof(words), &chunks), CONTENT_UNKNOWN);
	chunks_deinit(&chunks);
}
END_TEST

START_TEST(numbers_by_their_size)
{
	uint64_t longs[64];
	uint32_t ints[64];
	double doubles[64];
	float floats[64];

	for (unsigned i = 0; i < 64; i++) {
		longs[i] = i * i + 1000;
		ints[i] = i * 7919 % 100000 - (i % 5 == 0 ? 50 : 0);
		doubles[i] = sin(i) * 1000 + 0.25;
		floats[i] = (float)cos(i) * 3 + 0.01f;
	}
	IS(content_made(longs, sizeof(longs)), CONTENT_INTEGERS);
	IS(content_made(ints, sizeof(ints) - 8), CONTENT_INTEGERS);
	IS(content_made(doubles, sizeof(doubles)), CONTENT_DOUBLES);
	IS(content_made(floats, sizeof(floats)), CONTENT_FLOATS);
	// Too few.
	IS(content_made(longs, 24), CONTENT_UNKNOWN);
	IS(content_made(doubles, 24), CONTENT_UNKNOWN);
	// All the same is a pattern, not a set of numbers.
	for (unsigned i = 0; i < 64; i++)
		longs[i] = 0x101;
	IS(content_made(longs, sizeof(longs)), CONTENT_UNKNOWN);
	// Addresses of another kind are no numbers.
	for (unsigned i = 0; i < 64; i++)
		longs[i] = UINT64_C(0x7ffff7a00000) + i * 4711;
	IS(content_made(longs, sizeof(longs)), CONTENT_UNKNOWN);
}
END_TEST

START_TEST(any_bytes_are_safe)
{
	struct chunks chunks = some_chunks();
	uint8_t bytes[600];
	size_t found[CONTENT_KINDS] = {0};

	for (uint64_t seed = 1; seed < 4000; seed++) {
		size_t size = 8 + seed % 64;

		put_random(bytes, sizeof(bytes), seed * UINT64_C(0x9e3779b97f4a7c15));
		found[content_in(bytes, size, usable_of(size), &chunks).kind]++;
	}
	// Short random bytes are taken for something in a few of a thousand.
	ck_assert_uint_ge(found[CONTENT_UNKNOWN], 3980);
	// Fewer than a word, and none at all.
	for (size_t size = 0; size < 8; size++)
		ck_assert_int_eq(content_of_bytes(bytes, size, 24, NULL).kind, CONTENT_UNKNOWN);
	chunks_deinit(&chunks);
}
END_TEST

UNIT_SUITE("content", every_class_has_a_name, zeros_are_zeros, zeros_are_sampled_behind_the_look, chunks_across_two_pieces_are_copied,
	   text_is_told_by_its_length_and_place, text_in_front_of_a_struct_is_doubted, addresses_that_can_be_printed_are_no_text,
	   strings_behind_their_header, text_that_is_more, wide_text, formats_by_their_magic, weak_magics_need_more, pointers_are_those_to_chunks,
	   numbers_by_their_size, any_bytes_are_safe)
