/* SPDX-License-Identifier: MIT */
/*
 * Down the grammar, writing the name as it goes. A reference back (B) is read where it leads, with the place kept: it must lead to what is before it, and each costs work, so a name that
 * would expand beyond all measure is given up. What is not printed (the place of an impl) is read all the same, silently.
 */
#include "types/rust_names.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/demangle.h"

enum {
	DEPTH_MAX = 96,
	WORK_MAX = 1 << 18,
	LIFETIMES_MAX = 26,
};

struct reader {
	/** Of the name behind _R, from which references count. */
	const char *start, *at, *end;
	unsigned depth, silent;
	size_t work;
	/** Lifetimes that are bound where we are. */
	uint64_t lifetimes;
	/** Room for DEMANGLED_MAX bytes and a terminator. */
	char *text;
	size_t used;
};

static bool read_path(struct reader *reader, bool in_value);
static bool read_type(struct reader *reader);
static bool read_constant(struct reader *reader);

static char peek(const struct reader *reader)
{
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool take(struct reader *reader, char wanted)
{
	if (peek(reader) != wanted || reader->at == reader->end)
		return false;
	reader->at++;
	return true;
}

static bool put_bytes(struct reader *reader, const char *bytes, size_t length)
{
	if (reader->silent)
		return true;
	if (length > DEMANGLED_MAX - reader->used)
		return false;
	memcpy(reader->text + reader->used, bytes, length);
	reader->used += length;
	return true;
}

static bool put(struct reader *reader, const char *text)
{
	return put_bytes(reader, text, strlen(text));
}

static bool enter(struct reader *reader)
{
	return ++reader->depth <= DEPTH_MAX && ++reader->work <= WORK_MAX;
}

static bool leave(struct reader *reader, bool is_good)
{
	reader->depth--;
	return is_good;
}

/* ---- numbers and identifiers ---- */

/* «_» is 0, «0_» is 1, «Z_» is 62. */
static bool read_base_62(struct reader *reader, uint64_t *ret)
{
	uint64_t value = 0;

	if (take(reader, '_')) {
		*ret = 0;
		return true;
	}
	while (!take(reader, '_')) {
		char c = peek(reader);
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') :
				 c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 :
				 c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 36 :
							62;

		if (digit == 62 || value > (UINT64_MAX - digit) / 62 - 1)
			return false;
		value = value * 62 + digit;
		reader->at++;
	}
	*ret = value + 1;
	return true;
}

/* A tag and its number, 0 where the tag is not there: s_ is 1. */
static bool read_tagged(struct reader *reader, char tag, uint64_t *ret)
{
	*ret = 0;
	if (!take(reader, tag))
		return true;
	if (!read_base_62(reader, ret) || *ret == UINT64_MAX)
		return false;
	++*ret;
	return true;
}

/* A length and as many bytes. What is written in Punycode is not understood. */
static bool read_plain_identifier(struct reader *reader, const char **name_ret, size_t *length_ret)
{
	size_t length = 0;

	if (peek(reader) < '0' || peek(reader) > '9')
		return false;
	if (!take(reader, '0')) {
		while (peek(reader) >= '0' && peek(reader) <= '9') {
			length = length * 10 + (size_t)(*reader->at++ - '0');
			if (length > MANGLED_MAX)
				return false;
		}
	}
	take(reader, '_');
	if (length > (size_t)(reader->end - reader->at))
		return false;
	*name_ret = reader->at;
	*length_ret = length;
	reader->at += length;
	return true;
}

/* Reads with `read` what a reference leads to. */
static bool read_reference(struct reader *reader, bool (*read)(struct reader *reader))
{
	const char *here = reader->at, *behind;
	uint64_t place;
	bool is_good;

	if (!take(reader, 'B') || !read_base_62(reader, &place) || place >= (uint64_t)(here - reader->start))
		return false;
	// It has been read once already, and says nothing where nothing is written.
	if (reader->silent)
		return true;
	behind = reader->at;
	reader->at = reader->start + place;
	is_good = read(reader);
	reader->at = behind;
	return is_good;
}

/* ---- lifetimes ---- */

/* A lifetime by how many are bound within it; 0 is one that was left out. */
static bool put_lifetime(struct reader *reader, uint64_t index)
{
	char text[3] = "'_";

	if (index) {
		if (index > reader->lifetimes || reader->lifetimes - index >= LIFETIMES_MAX)
			return false;
		text[1] = (char)('a' + (reader->lifetimes - index));
	}
	return put(reader, text);
}

/* «for<'a, 'b> », where some are bound; gives how many. */
static bool read_binder(struct reader *reader, uint64_t *n_ret)
{
	if (!read_tagged(reader, 'G', n_ret) || *n_ret > LIFETIMES_MAX)
		return false;
	if (!*n_ret)
		return true;
	if (!put(reader, "for<"))
		return false;
	for (uint64_t i = 0; i < *n_ret; i++) {
		reader->lifetimes++;
		if ((i && !put(reader, ", ")) || !put_lifetime(reader, 1))
			return false;
	}
	return put(reader, "> ");
}

/* ---- paths ---- */

/* The place where an impl is written, which is no part of its name. */
static bool read_impl_path(struct reader *reader)
{
	uint64_t number;
	bool is_good;

	reader->silent++;
	is_good = read_tagged(reader, 's', &number) && read_path(reader, false);
	reader->silent--;
	return is_good;
}

static bool read_argument(struct reader *reader)
{
	uint64_t index;

	if (take(reader, 'L'))
		return read_base_62(reader, &index) && put_lifetime(reader, index);
	if (take(reader, 'K'))
		return read_constant(reader);
	return read_type(reader);
}

/* Up to E, with commas. Gives how many. */
static bool read_list(struct reader *reader, bool (*read)(struct reader *reader), size_t *n_ret)
{
	size_t n = 0;

	for (; !take(reader, 'E'); n++) {
		if (++reader->work > WORK_MAX || (n && !put(reader, ", ")) || !read(reader))
			return false;
	}
	*n_ret = n;
	return true;
}

static bool read_path_of_type(struct reader *reader)
{
	return read_path(reader, false);
}

static bool read_path_of_value(struct reader *reader)
{
	return read_path(reader, true);
}

/* N: what is in a namespace of what is before it. Closures and the like have a number. */
static bool read_nested(struct reader *reader, bool in_value)
{
	char space = peek(reader), number[32];
	const char *name;
	uint64_t nth;
	size_t length;

	if (!((space >= 'a' && space <= 'z') || (space >= 'A' && space <= 'Z')))
		return false;
	reader->at++;
	if (!read_path(reader, in_value) || !read_tagged(reader, 's', &nth) || !read_plain_identifier(reader, &name, &length))
		return false;
	if (space >= 'a')
		return length == 0 || (put(reader, "::") && put_bytes(reader, name, length));
	if (!put(reader, "::{") || !(space == 'C' ? put(reader, "closure") : space == 'S' ? put(reader, "shim") : put_bytes(reader, &space, 1)))
		return false;
	if (length && !(put(reader, ":") && put_bytes(reader, name, length)))
		return false;
	snprintf(number, sizeof(number), "#%" PRIu64 "}", nth);
	return put(reader, number);
}

static bool read_path_inner(struct reader *reader, bool in_value)
{
	const char *name;
	uint64_t number;
	size_t length, n;

	switch (peek(reader)) {
	case 'C':
		reader->at++;
		return read_tagged(reader, 's', &number) && read_plain_identifier(reader, &name, &length) && put_bytes(reader, name, length);
	case 'N':
		reader->at++;
		return read_nested(reader, in_value);
	case 'M':
		reader->at++;
		return read_impl_path(reader) && put(reader, "<") && read_type(reader) && put(reader, ">");
	case 'X':
		reader->at++;
		return read_impl_path(reader) && put(reader, "<") && read_type(reader) && put(reader, " as ") && read_path(reader, false) && put(reader, ">");
	case 'Y':
		reader->at++;
		return put(reader, "<") && read_type(reader) && put(reader, " as ") && read_path(reader, false) && put(reader, ">");
	case 'I':
		reader->at++;
		return read_path(reader, in_value) && put(reader, in_value ? "::<" : "<") && read_list(reader, read_argument, &n) && put(reader, ">");
	case 'B':
		return read_reference(reader, in_value ? read_path_of_value : read_path_of_type);
	default:
		return false;
	}
}

static bool read_path(struct reader *reader, bool in_value)
{
	bool is_good = enter(reader) && read_path_inner(reader, in_value);

	return leave(reader, is_good);
}

/* ---- types ---- */

static const char *basic_name(char code)
{
	static const char *const names[26] = {
		['a' - 'a'] = "i8",   ['b' - 'a'] = "bool", ['c' - 'a'] = "char",  ['d' - 'a'] = "f64",   ['e' - 'a'] = "str",  ['f' - 'a'] = "f32",
		['h' - 'a'] = "u8",   ['i' - 'a'] = "isize", ['j' - 'a'] = "usize", ['l' - 'a'] = "i32",   ['m' - 'a'] = "u32",  ['n' - 'a'] = "i128",
		['o' - 'a'] = "u128", ['p' - 'a'] = "_",    ['s' - 'a'] = "i16",   ['t' - 'a'] = "u16",   ['u' - 'a'] = "()",   ['v' - 'a'] = "...",
		['x' - 'a'] = "i64",  ['y' - 'a'] = "u64",  ['z' - 'a'] = "!",
	};

	return code >= 'a' && code <= 'z' ? names[code - 'a'] : NULL;
}

/* & and &mut, with their lifetime. */
static bool read_borrow(struct reader *reader, const char *mark)
{
	uint64_t index = 0;

	if (!put(reader, "&"))
		return false;
	if (take(reader, 'L') && (!read_base_62(reader, &index) || (index && !(put_lifetime(reader, index) && put(reader, " ")))))
		return false;
	return put(reader, mark) && read_type(reader);
}

/* F: «unsafe extern "C" fn(i32) -> u8». */
static bool read_function(struct reader *reader)
{
	uint64_t bound;
	const char *name;
	size_t length, n;

	if (!read_binder(reader, &bound) || (take(reader, 'U') && !put(reader, "unsafe ")))
		return false;
	if (take(reader, 'K')) {
		if (!put(reader, "extern \""))
			return false;
		if (take(reader, 'C')) {
			if (!put(reader, "C"))
				return false;
		} else if (!read_plain_identifier(reader, &name, &length) || !put_bytes(reader, name, length)) {
			return false;
		}
		if (!put(reader, "\" "))
			return false;
	}
	if (!put(reader, "fn(") || !read_list(reader, read_type, &n) || !put(reader, ")"))
		return false;
	if (!take(reader, 'u') && !(put(reader, " -> ") && read_type(reader)))
		return false;
	reader->lifetimes -= bound;
	return true;
}

/* One trait of dyn, with what its types are: «Iterator<Item = u8>». */
static bool read_trait(struct reader *reader)
{
	const char *name;
	size_t length;
	bool is_open = false;

	// The arguments of a path end in «>», behind which the others go: so it is taken back.
	if (!read_path(reader, false))
		return false;
	while (take(reader, 'p')) {
		if (!is_open && !reader->silent && reader->used && reader->text[reader->used - 1] == '>') {
			reader->used--;
			is_open = put(reader, ", ");
		} else {
			is_open = put(reader, is_open ? ", " : "<");
		}
		if (!is_open || !read_plain_identifier(reader, &name, &length) || !put_bytes(reader, name, length) || !put(reader, " = ") || !read_type(reader))
			return false;
	}
	return !is_open || put(reader, ">");
}

static bool read_dyn(struct reader *reader)
{
	uint64_t bound, index;

	if (!put(reader, "dyn ") || !read_binder(reader, &bound))
		return false;
	for (size_t n = 0; !take(reader, 'E'); n++) {
		if (++reader->work > WORK_MAX || (n && !put(reader, " + ")) || !read_trait(reader))
			return false;
	}
	reader->lifetimes -= bound;
	if (!take(reader, 'L') || !read_base_62(reader, &index))
		return false;
	return !index || (put(reader, " + ") && put_lifetime(reader, index));
}

static bool read_type_inner(struct reader *reader)
{
	char first = peek(reader);
	const char *basic = basic_name(first);
	size_t n;

	if (basic) {
		reader->at++;
		return put(reader, basic);
	}
	switch (first) {
	case 'A':
		reader->at++;
		return put(reader, "[") && read_type(reader) && put(reader, "; ") && read_constant(reader) && put(reader, "]");
	case 'S':
		reader->at++;
		return put(reader, "[") && read_type(reader) && put(reader, "]");
	case 'T':
		reader->at++;
		return put(reader, "(") && read_list(reader, read_type, &n) && (n != 1 || put(reader, ",")) && put(reader, ")");
	case 'R':
		reader->at++;
		return read_borrow(reader, "");
	case 'Q':
		reader->at++;
		return read_borrow(reader, "mut ");
	case 'P':
		reader->at++;
		return put(reader, "*const ") && read_type(reader);
	case 'O':
		reader->at++;
		return put(reader, "*mut ") && read_type(reader);
	case 'F':
		reader->at++;
		return read_function(reader);
	case 'D':
		reader->at++;
		return read_dyn(reader);
	case 'B':
		return read_reference(reader, read_type);
	default:
		return read_path(reader, false);
	}
}

static bool read_type(struct reader *reader)
{
	bool is_good = enter(reader) && read_type_inner(reader);

	return leave(reader, is_good);
}

/* ---- constants ---- */

/* A number in hexadecimal, up to «_». What has more than 64 bits is written as it is. */
static bool read_number(struct reader *reader, bool *is_small_ret, uint64_t *ret, const char **digits_ret, size_t *n_ret)
{
	uint64_t value = 0;
	size_t n = 0;

	*digits_ret = reader->at;
	for (; !take(reader, '_'); n++) {
		char c = peek(reader);

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		reader->at++;
	}
	*is_small_ret = n <= 16;
	*ret = value;
	*n_ret = n;
	return n > 0;
}

static bool read_constant_inner(struct reader *reader)
{
	char type = peek(reader), text[32];
	const char *digits;
	bool is_small;
	uint64_t value;
	size_t n;

	if (type == 'B')
		return read_reference(reader, read_constant);
	reader->at++;
	switch (type) {
	case 'p':
		return put(reader, "_");
	case 'b':
		return read_number(reader, &is_small, &value, &digits, &n) && is_small && value <= 1 && put(reader, value ? "true" : "false");
	case 'c':
		if (!read_number(reader, &is_small, &value, &digits, &n) || !is_small || value > 0x10ffff)
			return false;
		snprintf(text, sizeof(text), value >= 0x20 && value < 0x7f ? "'%c'" : "'\\u{%x}'", (int)value);
		return put(reader, text);
	case 'a':
	case 's':
	case 'l':
	case 'x':
	case 'n':
	case 'i':
		if (take(reader, 'n') && !put(reader, "-"))
			return false;
		break;
	case 'h':
	case 't':
	case 'm':
	case 'y':
	case 'o':
	case 'j':
		break;
	default:
		// Of structs and texts: not understood.
		return false;
	}
	if (!read_number(reader, &is_small, &value, &digits, &n))
		return false;
	if (!is_small)
		return put(reader, "0x") && put_bytes(reader, digits, n);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return put(reader, text);
}

static bool read_constant(struct reader *reader)
{
	bool is_good = enter(reader) && read_constant_inner(reader);

	return leave(reader, is_good);
}

/* ---- symbols ---- */

char *rust_v0_name(const char *symbol, size_t length)
{
	struct reader reader = {.start = symbol + 2, .at = symbol + 2, .end = symbol + length};
	bool is_good;

	// Other versions of the scheme begin with a number.
	if (length < 4 || symbol[0] != '_' || symbol[1] != 'R' || symbol[2] < 'A' || symbol[2] > 'Z')
		return NULL;
	_cleanup_free_ char *text = reader.text = xmalloc(DEMANGLED_MAX + 1);
	is_good = read_path(&reader, true);
	// The crate that made this instance.
	if (is_good && peek(&reader) >= 'A' && peek(&reader) <= 'Z') {
		reader.silent++;
		is_good = read_path(&reader, false);
	}
	return is_good && (reader.at == reader.end || *reader.at == '.' || *reader.at == '$') ? xstrndup(text, reader.used) : NULL;
}
