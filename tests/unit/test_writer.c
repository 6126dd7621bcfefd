/* SPDX-License-Identifier: MIT */
/* The writer: the same things as text, JSON and CSV, whatever the target put into its strings. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/output.h"
#include "report/writer.h"
#include "unit.h"
#include "written.h"

/* Control bytes, quotes, a comma, a backslash, invalid UTF-8, a C1 control character, and what is harmless. */
static const char hostile[] = "a\"b\\c,d\ne\x1b[31m\xff\xc2\x9b\xc3\xa9";

static const struct column columns[] = {
	{ .key = "name", .title = "name" },
	{ .key = "size", .title = "size", .flags = COLUMN_RIGHT },
	{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
	{ .title = "", .flags = COLUMN_BAR },
};
static const struct table table = {
	.key = "rows", .columns = columns, .n_columns = 4, .is_main = true
};

static void fill(struct writer *writer, const char *first)
{
	writer_begin(writer, "test");
	writer_field(writer, "hostile", value_text(hostile));
	writer_print(writer, STYLE_BOLD, "A line\n");
	writer_group_begin(writer, "group");
	writer_field(writer, "flag", value_flag(true));
	writer_field(writer, "none", value_none());
	writer_field(writer, "null", value_text(NULL));
	writer_group_end(writer);
	writer_group_begin(writer, "empty");
	writer_group_end(writer);
	writer_strings(writer, "strings", (const char *const[]){ "one", hostile }, 2);
	writer_strings(writer, "no_strings", NULL, 0);
	writer_table_begin(writer, &table);
	writer_row(writer, (struct value[]){ value_text(first), value_bytes(4096),
					     value_share(1, 2), value_share(1, 2) });
	writer_row(writer, (struct value[]){ value_word("x"), value_bytes(1048576),
					     value_share(1, 4), value_share(1, 4) });
	writer_table_end(writer);
	writer_field(writer, "address", value_address(0x7ffff7e00c80));
	writer_field(writer, "pause_ms", value_duration(14230499));
	writer_field(writer, "time", value_time(1795190760));
}

START_TEST(json_is_escaped_and_closed)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_JSON });

	fill(writer, hostile);

	_cleanup_free_ char *text = written(writer);

	ck_assert_str_eq(
		text, "{\n"
		      "  \"schema\": \"heapsnap/1\",\n"
		      "  \"command\": \"test\",\n"
		      "  \"hostile\": "
		      "\"a\\\"b\\\\x5cc,d\\\\x0ae\\\\x1b[31m\\\\xff\\\\xc2\\\\x9b\xc3\xa9\",\n"
		      "  \"group\": {\n"
		      "    \"flag\": true,\n"
		      "    \"none\": null,\n"
		      "    \"null\": null\n"
		      "  },\n"
		      "  \"empty\": {},\n"
		      "  \"strings\": [\n"
		      "    \"one\",\n"
		      "    \"a\\\"b\\\\x5cc,d\\\\x0ae\\\\x1b[31m\\\\xff\\\\xc2\\\\x9b\xc3\xa9\"\n"
		      "  ],\n"
		      "  \"no_strings\": [],\n"
		      "  \"rows\": [\n"
		      "    {\"name\": "
		      "\"a\\\"b\\\\x5cc,d\\\\x0ae\\\\x1b[31m\\\\xff\\\\xc2\\\\x9b\xc3\xa9\", "
		      "\"size\": 4096, \"share\": 0.500000},\n"
		      "    {\"name\": \"x\", \"size\": 1048576, \"share\": 0.250000}\n"
		      "  ],\n"
		      "  \"address\": \"0x7ffff7e00c80\",\n"
		      "  \"pause_ms\": 14.230,\n"
		      "  \"time\": \"2026-11-20T16:06:00Z\"\n"
		      "}\n");
}
END_TEST

START_TEST(csv_has_the_main_table_alone)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_CSV });

	fill(writer, hostile);

	_cleanup_free_ char *text = written(writer);

	ck_assert_str_eq(text,
			 "name,size,share\n"
			 "\"a\"\"b\\x5cc,d\\x0ae\\x1b[31m\\xff\\xc2\\x9b\xc3\xa9\",4096,0.500000\n"
			 "x,1048576,0.250000\n");
}
END_TEST

START_TEST(text_is_aligned_and_harmless)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_TEXT });

	fill(writer, "caf\xc3\xa9\x07");

	_cleanup_free_ char *text = written(writer);

	ck_assert_str_eq(text, "A line\n"
			       "name          size   share\n"
			       "caf\xc3\xa9\\x07  4.00 KiB  50.0 %\n"
			       "x         1.00 MiB  25.0 %\n");
}
END_TEST

START_TEST(terminals_have_bars_and_colours)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_TEXT,
									 .is_terminal = true,
									 .has_color = true,
									 .has_utf8 = true,
									 .width = 32 });

	fill(writer, "y");

	_cleanup_free_ char *text = written(writer);

	ck_assert_ptr_nonnull(strstr(text, "\033[1mA line\033[0m\n"));
	// 32 columns leave 8 for the longest bar, half of that for the other.
	ck_assert_ptr_nonnull(strstr(
		text, "50.0 %  \033[32m\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\033[0m\n"));
	ck_assert_ptr_nonnull(strstr(text, "25.0 %  \033[32m\u2588\u2588\u2588\u2588\033[0m\n"));
}
END_TEST

START_TEST(bars_without_utf8_are_plain)
{
	struct writer *writer = write_in_memory(
		(struct writer_options){ .format = FORMAT_TEXT, .is_terminal = true, .width = 32 });

	fill(writer, "y");

	_cleanup_free_ char *text = written(writer);

	ck_assert_ptr_nonnull(strstr(text, "50.0 %  ########\n"));
	ck_assert_ptr_nonnull(strstr(text, "25.0 %  ####\n"));
}
END_TEST

START_TEST(a_narrow_terminal_has_no_bars)
{
	struct writer *writer = write_in_memory(
		(struct writer_options){ .format = FORMAT_TEXT, .is_terminal = true, .width = 30 });

	fill(writer, "y");

	_cleanup_free_ char *text = written(writer);

	ck_assert_ptr_null(strchr(text, '#'));
}
END_TEST

static const struct column long_columns[] = {
	{ .key = "n", .title = "n", .flags = COLUMN_RIGHT },
	{ .key = "path", .title = "path" },
};
static const struct table long_table = { .key = "t", .columns = long_columns, .n_columns = 2 };

static char *long_rows(bool is_terminal)
{
	struct writer *writer = write_in_memory((struct writer_options){
		.format = FORMAT_TEXT, .is_terminal = is_terminal, .width = 24 });

	writer_begin(writer, "test");
	writer_table_begin(writer, &long_table);
	writer_row(writer,
		   (struct value[]){ value_number(1),
				     value_text("/a/\xc3\xa9/long/path/to/a/file/of/no/matter") });
	writer_table_end(writer);
	return written(writer);
}

START_TEST(only_a_terminal_cuts_text)
{
	_cleanup_free_ char *cut = long_rows(true), *whole = long_rows(false);

	ck_assert_str_eq(cut, "n  path\n1  /a/\xc3\xa9/long/path/to/...\n");
	ck_assert_str_eq(whole, "n  path\n1  /a/\xc3\xa9/long/path/to/a/file/of/no/matter\n");
}
END_TEST

static const struct column stream_columns[] = {
	{ .key = "address", .title = "address", .width = 10 },
	{ .key = "size", .title = "size", .flags = COLUMN_RIGHT, .width = 6 },
	{ .key = "name", .title = "name", .width = 4 },
	{ .key = "later" },
};
static const struct table stream_table = {
	.key = "t", .columns = stream_columns, .n_columns = 4, .is_main = true, .is_streamed = true
};

static char *stream_rows(enum format format)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = format });

	writer_begin(writer, "test");
	writer_table_begin(writer, &stream_table);
	writer_row(writer, (struct value[]){ value_address(0), value_number(0), value_word("a"),
					     value_none() });
	writer_row(writer, (struct value[]){ value_address(UINT64_MAX), value_number(UINT64_MAX),
					     value_text("\n"), value_none() });
	writer_row(writer, (struct value[]){ value_address(0x1000), value_number(99), value_none(),
					     value_none() });
	writer_table_end(writer);
	return written(writer);
}

START_TEST(streamed_rows_come_as_they_are)
{
	_cleanup_free_ char *text = stream_rows(FORMAT_TEXT), *csv = stream_rows(FORMAT_CSV),
			    *json = stream_rows(FORMAT_JSON);

	ck_assert_str_eq(text, "address       size  name\n"
			       "0x0              0  a\n"
			       "0xffffffffffffffff  18446744073709551615  \\x0a\n"
			       "0x1000          99  -\n");
	ck_assert_str_eq(csv, "address,size,name,later\n"
			      "0x0,0,a,\n"
			      "0xffffffffffffffff,18446744073709551615,\\x0a,\n"
			      "0x1000,99,,\n");
	ck_assert_ptr_nonnull(
		strstr(json, "{\"address\": \"0xffffffffffffffff\", \"size\": "
			     "18446744073709551615, \"name\": \"\\\\x0a\", \"later\": null}"));
}
END_TEST

START_TEST(numbers_are_those_of_printf)
{
	static const uint64_t numbers[] = { 0,
					    1,
					    9,
					    10,
					    99,
					    100,
					    101,
					    999,
					    1000,
					    65535,
					    65536,
					    4294967295,
					    4294967296,
					    0xfffffffffffffff,
					    0x1000000000000000,
					    INT64_MAX,
					    UINT64_MAX - 1,
					    UINT64_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char ours[OUTPUT_NUMBER_MAX], theirs[OUTPUT_NUMBER_MAX];

		ours[output_digits(ours, numbers[i])] = '\0';
		snprintf(theirs, sizeof(theirs), "%" PRIu64, numbers[i]);
		ck_assert_str_eq(ours, theirs);
		ours[output_hex_digits(ours, numbers[i])] = '\0';
		snprintf(theirs, sizeof(theirs), "0x%" PRIx64, numbers[i]);
		ck_assert_str_eq(ours, theirs);
	}
}
END_TEST

static char *value_as_text(struct value value)
{
	struct writer *writer = write_in_memory((struct writer_options){ .format = FORMAT_TEXT });
	char *text = writer_format_value(writer, value);

	free(written(writer));
	return text;
}

static void shows(struct value value, const char *expected)
{
	_cleanup_free_ char *text = value_as_text(value);

	ck_assert_str_eq(text, expected);
}

START_TEST(values_read_well)
{
	shows(value_duration(0), "0.00 ms");
	shows(value_duration(530000), "0.53 ms");
	shows(value_duration(9994000), "9.99 ms");
	shows(value_duration(9996000), "10.0 ms");
	shows(value_duration(14230000), "14.2 ms");
	shows(value_duration(99960000), "100 ms");
	shows(value_duration(1204400000), "1,204 ms");
	shows(value_share(0, 0), "0.0 %");
	shows(value_share(1, 3), "33.3 %");
	shows(value_count(1234567), "1,234,567");
	shows(value_number(1234567), "1234567");
	shows(value_known_bytes(UINT64_MAX), "-");
	shows(value_flag(false), "no");
	shows(value_address(0), "0x0");
}
END_TEST

/* Writes more than any buffer holds to a descriptor, and gives the error at the end. */
static struct error *flood(int fd, bool *dead_ret)
{
	struct writer_options options = { .format = FORMAT_CSV, .fd = fd, .width = 80 };
	_cleanup_writer_ struct writer *writer = writer_create(&options);

	writer_begin(writer, "test");
	writer_table_begin(writer, &stream_table);
	for (unsigned i = 0; i < 100000; i++)
		writer_row(writer, (struct value[]){ value_address(i), value_number(i),
						     value_word("row"), value_none() });
	*dead_ret = writer_is_dead(writer);
	writer_table_end(writer);
	return writer_finish(writer);
}

START_TEST(a_full_disk_is_an_error)
{
	_cleanup_close_ int fd = open("/dev/full", O_WRONLY);
	bool dead;

	if (fd < 0)
		return;

	_cleanup_error_ struct error *error = flood(fd, &dead);

	ck_assert(dead);
	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->errnum, ENOSPC);
	ck_assert_str_eq(error->message, "cannot write the output: No space left on device");
}
END_TEST

START_TEST(a_reader_that_goes_away_is_none)
{
	int ends[2];
	bool dead;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);

	_cleanup_error_ struct error *error = flood(ends[1], &dead);

	ck_assert(dead);
	ck_assert_ptr_null(error);
	close(ends[1]);
}
END_TEST

UNIT_SUITE("writer", json_is_escaped_and_closed, csv_has_the_main_table_alone,
	   text_is_aligned_and_harmless, terminals_have_bars_and_colours,
	   bars_without_utf8_are_plain, a_narrow_terminal_has_no_bars, only_a_terminal_cuts_text,
	   streamed_rows_come_as_they_are, numbers_are_those_of_printf, values_read_well,
	   a_full_disk_is_an_error, a_reader_that_goes_away_is_none)
