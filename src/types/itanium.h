/* SPDX-License-Identifier: MIT */
/*
 * The parser of names in the Itanium ABI: private to itanium.c (texts, numbers, symbols), itanium_names.c and itanium_types.c.
 *
 * It goes down the grammar and writes the text as it goes: what a substitution stands for is text, too. A type is a pair of texts, since C puts what is declared into the
 * middle: a pointer to a function int(char) is «int (*» and «)(char)». All texts of one name live in one list and go together. What bounds the work is bytes written: each
 * step writes at least one, and WORK_MAX of them is the end; the descent is bounded by DEPTH_MAX.
 *
 * All functions that parse give false when what is there is not understood; then nothing of it is used.
 */
#ifndef HEAPSNAP_TYPES_ITANIUM_H
#define HEAPSNAP_TYPES_ITANIUM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"

enum {
	DEPTH_MAX = 96,
	SUBSTITUTIONS_MAX = 2048,
	WORK_MAX = 1 << 20,
};

/* left + right is the text; a declarator goes between. */
struct piece {
	const char *left, *right;
	/** A function or an array: a pointer to it needs parentheses. */
	bool is_function, is_array;
};

/* A range of parser.arguments. */
struct argument_list {
	size_t first, n;
};

struct parser {
	const char *at, *end;
	unsigned depth;
	size_t work;
	ARRAY(char *) texts;
	ARRAY(struct piece) substitutions;
	/** Template arguments, those of one list beside each other. */
	ARRAY(const char *) arguments;
	/** Of the list that ended last; and what T_ stands for. */
	struct argument_list last_list, parameters;
};

/* What the name of a function says beside its text. */
struct name_traits {
	bool ends_in_arguments, has_no_return_type;
	const char *qualifiers;
};

/** The byte so far ahead; 0 behind the end. */
static inline char parser_peek(const struct parser *parser, size_t ahead)
{
	return ahead < (size_t)(parser->end - parser->at) ? parser->at[ahead] : '\0';
}

/** Steps over a byte, if it is that. */
static inline bool parser_take(struct parser *parser, char wanted)
{
	if (parser_peek(parser, 0) != wanted)
		return false;
	parser->at++;
	return true;
}

/** One level down; false when that is too deep. */
static inline bool parser_enter(struct parser *parser)
{
	return ++parser->depth <= DEPTH_MAX;
}

/** One level up; gives what it was given. */
static inline bool parser_leave(struct parser *parser, bool is_good)
{
	parser->depth--;
	return is_good;
}

/** 0 to 9. */
static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- itanium.c ---- */

/** Steps over a word, if it is that. */
bool parser_take_word(struct parser *parser, const char *wanted);

/** Whether the name ends here: what is behind the name of a symbol is .isra.0, @@VERSION. */
bool parser_at_suffix(const struct parser *parser);

/** The texts put together; NULL when that is too long, or too much work. Borrowed: from the parser. */
const char *text_joined(struct parser *parser, const char *const *parts, size_t n);

#define TEXT(parser, ...) \
	text_joined((parser), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/** A copy of some bytes as a text; NULL when that is too much work. Borrowed: from the parser. */
const char *text_copied(struct parser *parser, const char *bytes, size_t length);

/** What S_, S0_ … may stand for from now on. */
bool substitution_add(struct parser *parser, struct piece piece);

/** The same of a name. */
bool substitution_add_name(struct parser *parser, const char *name);

/** A decimal number. */
bool parse_number(struct parser *parser, size_t *ret);

/** «_» is 0, «0_» is 1, «Z_» is 36. In base 10 for T_ and unnamed things, 36 for S_. */
bool parse_sequence(struct parser *parser, unsigned base, size_t *ret);

/** A function with its parameters, or data. Only templates say what they return; a scope is written without it. */
bool parse_encoding(struct parser *parser, bool with_result, const char **ret);

/* ---- itanium_names.c ---- */

/** A length and as many bytes. */
bool parse_source_name(struct parser *parser, const char **ret);

/** S_, S0_ …, or one of the abbreviations; not St, which is only a scope. */
bool parse_substitution(struct parser *parser, struct piece *ret);

/** A name of any kind. It becomes no substitution here, what it consists of does. */
bool parse_name(struct parser *parser, bool is_type, const char **ret, struct name_traits *traits);

/* ---- itanium_types.c ---- */

/** A type. */
bool parse_type(struct parser *parser, struct piece *ret);

/** The parameters of a function up to E or the end: «(int, char)». */
bool parse_parameters(struct parser *parser, const char **ret);

/** Arguments of a template: «<int, char>». */
bool parse_arguments(struct parser *parser, const char **ret);

/** T_, T0_ …: what was an argument. */
bool parse_template_parameter(struct parser *parser, const char **ret);

/* ---- both ways in ---- */

/** The type that a whole text is the name of; NULL when it is none. Owner: the caller. */
char *itanium_type(const char *mangled, size_t length);

/** What a symbol (_Z…) is called; NULL when it is not understood. Owner: the caller. */
char *itanium_symbol(const char *symbol, size_t length);

/** The same without parameters and what is behind them. */
char *itanium_name(const char *symbol, size_t length);

#endif
