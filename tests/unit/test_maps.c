/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "target/maps.h"
#include "unit.h"

static mapping_array parse(const char *text)
{
	mapping_array mappings = { 0 };
	struct error *error = mappings_parse(text, strlen(text), &mappings);

	ck_assert_msg(!error, "%s", error ? error->message : "");
	return mappings;
}

/* Whether a text is refused, with a message that names the line. */
static bool refuses(const char *text, size_t length, const char *line)
{
	mapping_array mappings = { .n = 4711 };
	struct error *error = mappings_parse(text, length, &mappings);
	bool refused = error && error->code == ERROR_FORMAT && strstr(error->message, line) &&
		       mappings.n == 4711;

	error_destroy(error);
	return refused;
}

START_TEST(maps_reads_every_field)
{
	mapping_array mappings = parse("55c5b2c3c000-55c5b2c40000 r-xp 00004000 fe:01 1311         "
				       "              /usr/bin/cat\n");

	ck_assert_uint_eq(mappings.n, 1);

	const struct mapping *mapping = &mappings.v[0];

	ck_assert_uint_eq(mapping->start, 0x55c5b2c3c000);
	ck_assert_uint_eq(mapping->end, 0x55c5b2c40000);
	ck_assert_uint_eq(mapping->prot, MAPPING_READ | MAPPING_EXEC);
	ck_assert(!mapping->shared);
	ck_assert_uint_eq(mapping->offset, 0x4000);
	ck_assert_uint_eq(mapping->dev_major, 0xfe);
	ck_assert_uint_eq(mapping->dev_minor, 1);
	ck_assert_uint_eq(mapping->inode, 1311);
	ck_assert_str_eq(mapping->path, "/usr/bin/cat");
	ck_assert(!mapping->deleted);
	ck_assert_int_eq(mapping->file, -1);
	ck_assert_uint_eq(mapping->rss, UINT64_MAX);
	mappings_deinit(&mappings);
}
END_TEST

START_TEST(maps_reads_every_protection)
{
	mapping_array mappings = parse(
		"1000-2000 ---p 00000000 00:00 0 \n"
		"2000-3000 rw-s 00000000 00:01 7                          /dev/zero (deleted)\n"
		"3000-4000 -wxp 00000000 00:00 0\n");

	ck_assert_uint_eq(mappings.n, 3);
	ck_assert_uint_eq(mappings.v[0].prot, 0);
	ck_assert_ptr_null(mappings.v[0].path);
	ck_assert_uint_eq(mappings.v[1].prot, MAPPING_READ | MAPPING_WRITE);
	ck_assert(mappings.v[1].shared);
	ck_assert(mappings.v[1].deleted);
	ck_assert_str_eq(mappings.v[1].path, "/dev/zero");
	ck_assert_uint_eq(mappings.v[2].prot, MAPPING_WRITE | MAPPING_EXEC);
	mappings_deinit(&mappings);
}
END_TEST

START_TEST(maps_keeps_odd_paths)
{
	mapping_array mappings = parse(
		"1000-2000 r--p 00000000 08:01 5 /a file (deleted) (deleted)\n"
		"2000-3000 r--p 00000000 08:01 5 /two\\012lines\n"
		"3000-4000 r--p 00000000 08:01 5 /esc\x1b[31m\n"
		"4000-5000 rw-p 00000000 00:00 0 [anon:a name]\n"
		"5000-6000 r--p 00000000 08:01 5  (deleted)\n"
		"6000-7000 r--p 00000000 08:01 5 /short\\01\n");

	ck_assert_str_eq(mappings.v[0].path, "/a file (deleted)");
	ck_assert(mappings.v[0].deleted);
	ck_assert_str_eq(mappings.v[1].path, "/two\nlines");
	ck_assert_str_eq(mappings.v[2].path, "/esc\x1b[31m");
	ck_assert_str_eq(mappings.v[3].path, "[anon:a name]");
	ck_assert_str_eq(mappings.v[4].path, "(deleted)");
	ck_assert_str_eq(mappings.v[5].path, "/short\\01");
	mappings_deinit(&mappings);
}
END_TEST

START_TEST(maps_takes_a_last_line_without_newline)
{
	mapping_array mappings = parse(
		"1000-2000 rw-p 00000000 00:00 0 [heap]\nffffffffff600000-ffffffffff601000 --xp "
		"00000000 00:00 0 [vsyscall]");

	ck_assert_uint_eq(mappings.n, 2);
	ck_assert_uint_eq(mappings.v[1].end, 0xffffffffff601000);
	ck_assert_str_eq(mappings.v[1].path, "[vsyscall]");
	mappings_deinit(&mappings);

	mappings = parse("");
	ck_assert_uint_eq(mappings.n, 0);
	mappings_deinit(&mappings);
}
END_TEST

START_TEST(maps_refuses_what_it_does_not_know)
{
	static const char good[] = "1000-2000 rw-p 00000000 00:00 0\n";
	static const char *const bad[] = {
		"\n",
		"1000\n",
		"1000-2000\n",
		"1000-2000 rw-p\n",
		"1000-2000 rw-p 00000000 00:00\n",
		"1000-2000 rwxq 00000000 00:00 0\n",
		"1000-2000 Rw-p 00000000 00:00 0\n",
		"1000-2000 rw-p 00000000 0000 0\n",
		"1000-2000 rw-p 00000000 00:00 0x\n",
		"1000-2000 rw-p 00000000 00:00 abc\n",
		"2000-1000 rw-p 00000000 00:00 0\n",
		"1000-1000 rw-p 00000000 00:00 0\n",
		"10000000000000000-20000000000000000 rw-p 00000000 00:00 0\n",
		"1000-2000 rw-p 00000000 100000000:00 0\n",
		"1000-2000 rw-p 00000000 00:00 99999999999999999999\n",
		" 1000-2000 rw-p 00000000 00:00 0\n",
		"-2000 rw-p 00000000 00:00 0\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		ck_assert_msg(refuses(bad[i], strlen(bad[i]), "line 1"), "accepted: %s", bad[i]);
		// In the second line of two, the message says so.
		strcpy(text, good);
		strcat(text, bad[i]);
		ck_assert_msg(refuses(text, strlen(text), "line 2"), "accepted: %s", bad[i]);
	}
	ck_assert(refuses("1000-2000 rw-p 00000000 00:00 0 /a\0b\n", 37, "line 1"));
	// Cut off at every byte: never a crash, and never half a line taken for a whole one.
	for (size_t n = 1; n < 31; n++)
		ck_assert_msg(refuses(good, n, "line 1"), "cut at %zu", n);
}
END_TEST

START_TEST(maps_settles_overlaps)
{
	// A heap that grew between two reads of the file: its old line, then the line it has become.
	mapping_array mappings = parse("1000-5000 rw-p 00000000 00:00 0 [heap]\n"
				       "1000-8000 rw-p 00000000 00:00 0 [heap]\n"
				       "2000-3000 rw-p 00000000 00:00 0\n"
				       "7000-9000 r--p 00001000 08:01 5 /file\n"
				       "a000-b000 rw-p 00000000 00:00 0\n");

	ck_assert_uint_eq(mappings.n, 4);
	ck_assert_uint_eq(mappings.v[1].start, 0x5000);
	ck_assert_uint_eq(mappings.v[1].end, 0x8000);
	ck_assert_uint_eq(mappings.v[1].offset, 0);
	ck_assert_uint_eq(mappings.v[2].start, 0x8000);
	ck_assert_uint_eq(mappings.v[2].end, 0x9000);
	ck_assert_uint_eq(mappings.v[2].offset, 0x2000);
	ck_assert_uint_eq(mappings.v[3].start, 0xa000);
	mappings_deinit(&mappings);
}
END_TEST

START_TEST(maps_finds_by_address)
{
	mapping_array mappings = parse("1000-2000 rw-p 00000000 00:00 0\n3000-4000 rw-p 00000000 "
				       "00:00 0\n4000-5000 r--p 00000000 00:00 0\n");

	ck_assert_ptr_null(mappings_find(&mappings, 0));
	ck_assert_ptr_null(mappings_find(&mappings, 0xfff));
	ck_assert_ptr_eq(mappings_find(&mappings, 0x1000), &mappings.v[0]);
	ck_assert_ptr_eq(mappings_find(&mappings, 0x1fff), &mappings.v[0]);
	ck_assert_ptr_null(mappings_find(&mappings, 0x2000));
	ck_assert_ptr_eq(mappings_find(&mappings, 0x3fff), &mappings.v[1]);
	ck_assert_ptr_eq(mappings_find(&mappings, 0x4000), &mappings.v[2]);
	ck_assert_ptr_null(mappings_find(&mappings, 0x5000));
	ck_assert_ptr_null(mappings_find(&mappings, UINT64_MAX));
	mappings_deinit(&mappings);
	ck_assert_ptr_null(mappings_find(&mappings, 0x1000));
}
END_TEST

START_TEST(maps_tells_private_anonymous_memory)
{
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
		{ "1000-2000 rw-p 00000000 00:00 0", true },
		{ "1000-2000 rwxp 00000000 00:00 0", true },
		{ "1000-2000 rw-p 00000000 00:00 0 [heap]", true },
		{ "1000-2000 rw-p 00000000 00:00 0 [stack]", true },
		{ "1000-2000 rw-p 00000000 00:00 0 [anon: glibc: malloc]", true },
		{ "1000-2000 rw-p 00000000 00:0f 12 /anon_hugepage (deleted)", true },
		{ "1000-2000 rw-p 00000000 00:01 12 /dev/zero", true },
		{ "1000-2000 r--p 00000000 00:00 0", false },
		{ "1000-2000 ---p 00000000 00:00 0", false },
		{ "1000-2000 rw-s 00000000 00:01 12 /dev/zero (deleted)", false },
		{ "1000-2000 rw-p 00000000 08:01 12 /lib/libc.so.6", false },
		{ "1000-2000 rw-p 00000000 00:01 12 /memfd:x (deleted)", false },
		{ "1000-2000 r--p 00000000 00:00 0 [vvar]", false },
		{ "1000-2000 r-xp 00000000 00:00 0 [vdso]", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mapping_array mappings = parse(cases[i].line);

		ck_assert_msg(mapping_is_private_anonymous(&mappings.v[0]) == cases[i].is, "%s",
			      cases[i].line);
		mappings_deinit(&mappings);
	}
}
END_TEST

UNIT_SUITE("maps", maps_reads_every_field, maps_reads_every_protection, maps_keeps_odd_paths,
	   maps_takes_a_last_line_without_newline, maps_refuses_what_it_does_not_know,
	   maps_settles_overlaps, maps_finds_by_address, maps_tells_private_anonymous_memory)
