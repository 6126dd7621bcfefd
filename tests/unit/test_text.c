/* SPDX-License-Identifier: MIT */
/* Text for people: three digits, commas, and nothing that a terminal would obey. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "unit.h"

static void bytes_are(uint64_t bytes, const char *expected)
{
	char buffer[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_bytes(buffer, bytes, false), expected);
}

START_TEST(bytes_have_three_digits_and_a_unit)
{
	bytes_are(0, "0 B");
	bytes_are(999, "999 B");
	bytes_are(1000, "0.98 KiB");
	bytes_are(1024, "1.00 KiB");
	bytes_are(10230, "9.99 KiB");
	bytes_are(10240, "10.0 KiB");
	bytes_are(102400, "100 KiB");
	bytes_are(1023488, "0.98 MiB");
	bytes_are(1342177280, "1.25 GiB");
	bytes_are(UINT64_MAX, "16.0 EiB");
}
END_TEST

START_TEST(plain_bytes_are_digits)
{
	char buffer[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_bytes(buffer, UINT64_MAX, true), "18446744073709551615");
	ck_assert_str_eq(text_bytes(buffer, 1024, true), "1024");
}
END_TEST

START_TEST(counts_have_commas)
{
	char buffer[TEXT_NUMBER_MAX];

	ck_assert_str_eq(text_count(buffer, 0), "0");
	ck_assert_str_eq(text_count(buffer, 999), "999");
	ck_assert_str_eq(text_count(buffer, 1000), "1,000");
	ck_assert_str_eq(text_count(buffer, UINT64_MAX), "18,446,744,073,709,551,615");
}
END_TEST

static void escape_is(const char *string, size_t length, const char *expected)
{
	_cleanup_free_ char *escaped = text_escape(string, length);

	ck_assert_str_eq(escaped, expected);
}

START_TEST(escape_lets_text_through)
{
	escape_is("", 0, "");
	escape_is("/usr/bin/sérveur €", strlen("/usr/bin/sérveur €"), "/usr/bin/sérveur €");
	escape_is("\xf0\x9f\x90\x98", 4, "\xf0\x9f\x90\x98");
}
END_TEST

START_TEST(escape_stops_what_a_terminal_would_obey)
{
	escape_is("\033[2J", 4, "\\x1b[2J");
	escape_is("a\nb\tc", 5, "a\\x0ab\\x09c");
	escape_is("a\0b", 3, "a\\x00b");
	escape_is("\x7f", 1, "\\x7f");
	escape_is("\\x1b", 4, "\\x5cx1b");
	// U+009B is CSI, which some terminals take as ESC [.
	escape_is("\xc2\x9b", 2, "\\xc2\\x9b");
}
END_TEST

START_TEST(escape_marks_what_is_not_utf8)
{
	escape_is("\xff", 1, "\\xff");
	escape_is("\xc3", 1, "\\xc3");
	escape_is("\xc3\xa9", 1, "\\xc3");
	escape_is("\xc0\xaf", 2, "\\xc0\\xaf");
	escape_is("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
	escape_is("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	escape_is("a\xe2\x82", 3, "a\\xe2\\x82");
}
END_TEST

static void number_is(const char *string, uint64_t expected)
{
	uint64_t got = ~expected;

	ck_assert_msg(text_parse_u64(string, &got), "«%s» is a number", string);
	ck_assert_uint_eq(got, expected);
}

static void number_is_none(const char *string)
{
	uint64_t got = 42;

	ck_assert_msg(!text_parse_u64(string, &got), "«%s» is no number", string);
	ck_assert_uint_eq(got, 42);
}

START_TEST(numbers_are_read_whole)
{
	number_is("0", 0);
	number_is("0x7fff", 0x7fff);
	number_is("010", 10);
	number_is("18446744073709551615", UINT64_MAX);
	number_is("0xffffffffffffffff", UINT64_MAX);
	number_is_none("");
	number_is_none("-1");
	number_is_none("+1");
	number_is_none(" 1");
	number_is_none("1 ");
	number_is_none("0x");
	number_is_none("0x0x1");
	number_is_none("ff");
	number_is_none("18446744073709551616");
}
END_TEST

static void size_is(const char *string, uint64_t expected)
{
	uint64_t got = ~expected;

	ck_assert_msg(text_parse_bytes(string, &got), "«%s» is a size", string);
	ck_assert_uint_eq(got, expected);
}

static void size_is_none(const char *string)
{
	uint64_t got = 42;

	ck_assert_msg(!text_parse_bytes(string, &got), "«%s» is no size", string);
	ck_assert_uint_eq(got, 42);
}

START_TEST(sizes_take_units)
{
	size_is("4096", 4096);
	size_is("0x1000", 4096);
	size_is("64k", 65536);
	size_is("64K", 65536);
	size_is("1.5M", 1572864);
	size_is("2GiB", UINT64_C(2) << 30);
	size_is("10B", 10);
	size_is("3kb", 3072);
	size_is_none("");
	size_is_none("k");
	size_is_none("1.5x");
	size_is_none("1 k");
	size_is_none("-1k");
	size_is_none("64kk");
	size_is_none("0x10k");
	size_is_none("16E");
	size_is_none("nan");
	size_is_none("inf");
}
END_TEST

START_TEST(times_take_units)
{
	static const struct {
		const char *string;
		uint64_t nanoseconds;
	} good[] = {
		{ "1", 1000000000 },
		{ "0.5", 500000000 },
		{ "90s", 90000000000 },
		{ "5m", 300000000000 },
		{ "5min", 300000000000 },
		{ "1.5h", 5400000000000 },
		{ "2d", 172800000000000 },
		{ "20ms", 20000000 },
		{ "100000d", 8640000000000000000 },
	};
	static const char *const bad[] = { "",	 "0",	"0.0", "-1",  "+1",	" 1",  "x",
					   "5x", "5 m", "1e3", "0x5", "nan",	"inf", "1.2.3",
					   ".5", "m",	"5mm", "1e",  "200000d" };
	uint64_t got;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(text_parse_seconds(good[i].string, 1, &got), "%s", good[i].string);
		ck_assert_uint_eq(got, good[i].nanoseconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_parse_seconds(bad[i], 1, &got), "%s", bad[i]);
	ck_assert(text_parse_seconds("2.5", 1e-3, &got));
	ck_assert_uint_eq(got, 2500000);
	ck_assert(text_parse_seconds("2s", 1e-3, &got));
	ck_assert_uint_eq(got, 2000000000);
}
END_TEST

UNIT_SUITE("text", bytes_have_three_digits_and_a_unit, plain_bytes_are_digits, counts_have_commas,
	   escape_lets_text_through, escape_stops_what_a_terminal_would_obey,
	   escape_marks_what_is_not_utf8, numbers_are_read_whole, sizes_take_units,
	   times_take_units)
