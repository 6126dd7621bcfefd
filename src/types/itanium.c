/* SPDX-License-Identifier: MIT */
#include "types/itanium.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/demangle.h"

bool parser_take_word(struct parser *parser, const char *wanted)
{
	size_t length = strlen(wanted);

	if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, wanted, length) != 0)
		return false;
	parser->at += length;
	return true;
}

const char *text_joined(struct parser *parser, const char *const *parts, size_t n)
{
	size_t lengths[8], length = 0;

	for (size_t i = 0; i < n; i++) {
		lengths[i] = strlen(parts[i]);
		length += lengths[i];
	}
	parser->work += length + 1;
	if (length > DEMANGLED_MAX || parser->work > WORK_MAX)
		return NULL;
	char *text = xmalloc(length + 1), *at = text;
	for (size_t i = 0; i < n; i++) {
		memcpy(at, parts[i], lengths[i]);
		at += lengths[i];
	}
	*at = '\0';
	array_append(&parser->texts, text);
	return text;
}

const char *text_copied(struct parser *parser, const char *bytes, size_t length)
{
	char *text;

	parser->work += length + 1;
	if (parser->work > WORK_MAX)
		return NULL;
	text = xstrndup(bytes, length);
	array_append(&parser->texts, text);
	return text;
}

bool substitution_add(struct parser *parser, struct piece piece)
{
	if (parser->substitutions.n == SUBSTITUTIONS_MAX)
		return false;
	array_append(&parser->substitutions, piece);
	return true;
}

bool substitution_add_name(struct parser *parser, const char *name)
{
	return substitution_add(parser, (struct piece){.left = name, .right = ""});
}

bool parse_number(struct parser *parser, size_t *ret)
{
	size_t value = 0;

	if (!is_digit(parser_peek(parser, 0)))
		return false;
	while (is_digit(parser_peek(parser, 0))) {
		value = value * 10 + (size_t)(*parser->at++ - '0');
		if (value > MANGLED_MAX)
			return false;
	}
	*ret = value;
	return true;
}

bool parse_sequence(struct parser *parser, unsigned base, size_t *ret)
{
	size_t value = 0;

	if (parser_take(parser, '_')) {
		*ret = 0;
		return true;
	}
	for (char c; (c = parser_peek(parser, 0)) != '_'; parser->at++) {
		if (is_digit(c))
			value = value * base + (size_t)(c - '0');
		else if (base == 36 && c >= 'A' && c <= 'Z')
			value = value * base + (size_t)(c - 'A') + 10;
		else
			return false;
		if (value > MANGLED_MAX)
			return false;
	}
	parser->at++;
	*ret = value + 1;
	return true;
}

bool parser_at_suffix(const struct parser *parser)
{
	return parser->at >= parser->end || *parser->at == '.' || *parser->at == '@';
}

bool parse_encoding(struct parser *parser, bool with_result, const char **ret)
{
	struct name_traits traits;
	const char *name, *parameters;
	struct piece result = {.left = "", .right = ""};

	if (!parser_enter(parser))
		return parser_leave(parser, false);
	bool is_good = parse_name(parser, false, &name, &traits);
	if (!is_good || parser_at_suffix(parser) || parser_peek(parser, 0) == 'E') {
		*ret = name;
		return parser_leave(parser, is_good);
	}
	if (traits.ends_in_arguments) {
		parser->parameters = parser->last_list;
		if (!traits.has_no_return_type) {
			is_good = parse_type(parser, &result);
			if (is_good && !result.is_function && *result.right == '\0')
				result.left = TEXT(parser, result.left, " ");
			is_good = is_good && result.left;
			if (!with_result)
				result = (struct piece){.left = "", .right = ""};
		}
	}
	is_good = is_good && parse_parameters(parser, &parameters);
	*ret = is_good ? TEXT(parser, result.left, name, parameters, traits.qualifiers, result.right) : NULL;
	return parser_leave(parser, *ret != NULL);
}

/* ---- symbols ---- */

static const struct {
	char code[3];
	const char *text;
} special_types[] = {
	{"TV", "vtable for "}, {"TT", "VTT for "}, {"TI", "typeinfo for "}, {"TS", "typeinfo name for "},
};

static const struct {
	char code[3];
	const char *text;
} special_names[] = {
	{"GV", "guard variable for "}, {"TH", "TLS init function for "}, {"TW", "TLS wrapper function for "},
};

static bool parse_symbol(struct parser *parser, const char **ret)
{
	const char *name;
	struct piece piece;

	for (size_t i = 0; i < sizeof(special_types) / sizeof(special_types[0]); i++) {
		if (parser_take_word(parser, special_types[i].code)) {
			*ret = parse_type(parser, &piece) ? TEXT(parser, special_types[i].text, piece.left, piece.right) : NULL;
			return *ret != NULL;
		}
	}
	for (size_t i = 0; i < sizeof(special_names) / sizeof(special_names[0]); i++) {
		if (parser_take_word(parser, special_names[i].code)) {
			struct name_traits traits;

			*ret = parse_name(parser, false, &name, &traits) ? TEXT(parser, special_names[i].text, name) : NULL;
			return *ret != NULL;
		}
	}
	return parse_encoding(parser, true, ret);
}

static void parser_deinit(struct parser *parser)
{
	for (size_t i = 0; i < parser->texts.n; i++)
		free(parser->texts.v[i]);
	array_deinit(&parser->texts);
	array_deinit(&parser->substitutions);
	array_deinit(&parser->arguments);
}

char *itanium_type(const char *mangled, size_t length)
{
	struct parser parser = {.at = mangled, .end = mangled + length};
	struct piece piece;
	char *text = NULL;

	if (parse_type(&parser, &piece) && parser.at == parser.end && strlen(piece.left) + strlen(piece.right) <= DEMANGLED_MAX)
		text = xasprintf("%s%s", piece.left, piece.right);
	parser_deinit(&parser);
	return text;
}

char *itanium_symbol(const char *symbol, size_t length)
{
	struct parser parser = {.at = symbol + 2, .end = symbol + length};
	const char *name;
	char *text = NULL;

	if (parse_symbol(&parser, &name) && parser_at_suffix(&parser))
		text = xstrdup(name);
	parser_deinit(&parser);
	return text;
}

char *itanium_name(const char *symbol, size_t length)
{
	struct parser parser = {.at = symbol + 2, .end = symbol + length};
	struct name_traits traits;
	const char *name;
	char *text = NULL;

	if (parse_name(&parser, false, &name, &traits))
		text = xstrdup(name);
	parser_deinit(&parser);
	return text;
}
