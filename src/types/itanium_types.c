/* SPDX-License-Identifier: MIT */
/* Chapters 5.1.5 and 5.1.6 of the ABI: types, and arguments of templates, which are types or values. */
#include <stdio.h>
#include <string.h>

#include "types/demangle.h"
#include "types/itanium.h"

bool parse_parameters(struct parser *parser, const char **ret)
{
	const char *text = "";
	size_t n = 0;

	while (!parser_at_suffix(parser) && parser_peek(parser, 0) != 'E') {
		struct piece piece;

		// The reference qualifier of the function itself.
		if ((parser_peek(parser, 0) == 'R' || parser_peek(parser, 0) == 'O') && parser_peek(parser, 1) == 'E')
			break;
		if (!parse_type(parser, &piece))
			return false;
		// An empty pack.
		if (!*piece.left && !*piece.right)
			continue;
		text = TEXT(parser, text, n++ ? ", " : "", piece.left, piece.right);
		if (!text)
			return false;
	}
	*ret = strcmp(text, "void") == 0 ? "()" : TEXT(parser, "(", text, ")");
	return *ret != NULL;
}

/* What a compiler calls a literal's value; the type is one letter or a name. */
static bool parse_literal(struct parser *parser, const char **ret)
{
	static const char suffixes[][2][4] = {{"i", ""}, {"j", "u"}, {"l", "l"}, {"m", "ul"}, {"x", "ll"}, {"y", "ull"}};
	const char *start = parser->at;
	struct piece type;

	if (parser_take_word(parser, "_Z") || parser_take(parser, 'Z'))
		return parse_encoding(parser, true, ret) && parser_take(parser, 'E');
	if (!parse_type(parser, &type))
		return false;
	size_t type_length = (size_t)(parser->at - start);
	const char *minus = parser_take(parser, 'n') ? "-" : "";
	const char *digits = parser->at;
	while (parser->at < parser->end && *parser->at != 'E')
		parser->at++;
	size_t length = (size_t)(parser->at - digits);
	if (!parser_take(parser, 'E') || length > 64)
		return false;
	char value[65];
	memcpy(value, digits, length);
	value[length] = '\0';
	if (type_length == 1 && *start == 'b' && length == 1) {
		*ret = value[0] == '0' ? "false" : "true";
		return true;
	}
	for (size_t i = 0; type_length == 1 && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (suffixes[i][0][0] == *start) {
			*ret = TEXT(parser, minus, value, suffixes[i][1]);
			return *ret != NULL;
		}
	}
	*ret = TEXT(parser, "(", type.left, type.right, ")", minus, value);
	return *ret != NULL;
}

/* The address of a function or variable is the one expression that is common. */
static bool parse_expression(struct parser *parser, const char **ret)
{
	const char *name;

	if (parser_take_word(parser, "adL")) {
		if (!parse_literal(parser, &name) || !parser_take(parser, 'E'))
			return false;
		*ret = TEXT(parser, "&(", name, ")");
		return *ret != NULL;
	}
	if (parser_take(parser, 'L'))
		return parse_literal(parser, ret) && parser_take(parser, 'E');
	return false;
}

/* One <template-arg>; "" for an empty pack. */
static bool parse_argument(struct parser *parser, const char **ret)
{
	struct piece piece;

	if (parser_take(parser, 'X'))
		return parse_expression(parser, ret);
	if (parser_take(parser, 'L'))
		return parse_literal(parser, ret);
	if (parser_take(parser, 'J')) {
		*ret = "";
		while (!parser_take(parser, 'E')) {
			const char *one;

			if (!parser_enter(parser) || !parser_leave(parser, parse_argument(parser, &one)))
				return false;
			*ret = **ret ? TEXT(parser, *ret, ", ", one) : one;
			if (!*ret)
				return false;
		}
		return true;
	}
	if (!parse_type(parser, &piece))
		return false;
	*ret = TEXT(parser, piece.left, piece.right);
	return *ret != NULL;
}

bool parse_arguments(struct parser *parser, const char **ret)
{
	ARRAY(const char *) own = {0};
	const char *text = "<";
	bool is_good = parser_take(parser, 'I') && parser_enter(parser);

	while (is_good && !parser_take(parser, 'E')) {
		const char *one;

		is_good = parse_argument(parser, &one);
		if (!is_good)
			break;
		array_append(&own, one);
		if (*one)
			text = TEXT(parser, text, text[1] ? ", " : "", one);
		is_good = text != NULL;
	}
	if (is_good) {
		size_t length = strlen(text);

		// «>>» was an operator once, and c++filt and gcc's DWARF still write it so.
		text = TEXT(parser, text, text[length - 1] == '>' ? " >" : ">");
		is_good = text != NULL;
		parser->last_list = (struct argument_list){.first = parser->arguments.n, .n = own.n};
		for (size_t i = 0; i < own.n; i++)
			array_append(&parser->arguments, own.v[i]);
		parser->depth--;
	}
	array_deinit(&own);
	*ret = text;
	return is_good;
}

bool parse_template_parameter(struct parser *parser, const char **ret)
{
	size_t nth;

	if (!parser_take(parser, 'T') || !parse_sequence(parser, 10, &nth) || nth >= parser->parameters.n)
		return false;
	*ret = parser->arguments.v[parser->parameters.first + nth];
	return true;
}

static const char *builtin_name(char code)
{
	static const char *const names[26] = {
		['a' - 'a'] = "signed char", ['b' - 'a'] = "bool",           ['c' - 'a'] = "char",
		['d' - 'a'] = "double",      ['e' - 'a'] = "long double",    ['f' - 'a'] = "float",
		['g' - 'a'] = "__float128",  ['h' - 'a'] = "unsigned char",  ['i' - 'a'] = "int",
		['j' - 'a'] = "unsigned int", ['l' - 'a'] = "long",          ['m' - 'a'] = "unsigned long",
		['n' - 'a'] = "__int128",    ['o' - 'a'] = "unsigned __int128", ['s' - 'a'] = "short",
		['t' - 'a'] = "unsigned short", ['v' - 'a'] = "void",        ['w' - 'a'] = "wchar_t",
		['x' - 'a'] = "long long",   ['y' - 'a'] = "unsigned long long", ['z' - 'a'] = "...",
	};

	return code >= 'a' && code <= 'z' ? names[code - 'a'] : NULL;
}

static const char *builtin_name_d(char code)
{
	switch (code) {
	case 'a':
		return "auto";
	case 'c':
		return "decltype(auto)";
	case 'd':
		return "decimal64";
	case 'e':
		return "decimal128";
	case 'f':
		return "decimal32";
	case 'h':
		return "_Float16";
	case 'i':
		return "char32_t";
	case 'n':
		return "decltype(nullptr)";
	case 's':
		return "char16_t";
	case 'u':
		return "char8_t";
	default:
		return NULL;
	}
}

/* Qualifiers, outermost first as they are written: «PKc» is «char const*». */
static bool parse_qualified(struct parser *parser, struct piece *ret)
{
	const char *qualifiers = "";

	for (char c; (c = parser_peek(parser, 0)) == 'r' || c == 'V' || c == 'K'; parser->at++) {
		qualifiers = TEXT(parser, c == 'K' ? " const" : c == 'V' ? " volatile" : " restrict", qualifiers);
		if (!qualifiers)
			return false;
	}
	if (!parse_type(parser, ret))
		return false;
	if (ret->is_function) {
		// Of a member function they are a part of its type, for which alone there is a substitution.
		parser->substitutions.n -= parser->substitutions.n > 0;
		ret->right = TEXT(parser, ret->right, qualifiers);
	} else {
		ret->left = TEXT(parser, ret->left, qualifiers);
	}
	return ret->left && ret->right && substitution_add(parser, *ret);
}

static bool parse_pointer(struct parser *parser, const char *mark, struct piece *ret)
{
	parser->at++;
	if (!parse_type(parser, ret))
		return false;
	size_t length = strlen(ret->left);
	if (*mark == '&' && length > 0 && ret->left[length - 1] == '&') {
		// A template argument that is a reference: the shorter mark stays.
		if (mark[1] == '\0' && length > 1 && ret->left[length - 2] == '&') {
			ret->left = text_copied(parser, ret->left, length - 1);
			if (!ret->left)
				return false;
		}
		return substitution_add(parser, *ret);
	}
	if (ret->is_function || ret->is_array) {
		ret->left = TEXT(parser, ret->left, ret->is_array ? " (" : "(", mark);
		ret->right = TEXT(parser, ")", ret->right);
		ret->is_function = ret->is_array = false;
	} else {
		ret->left = TEXT(parser, ret->left, mark);
	}
	return ret->left && ret->right && substitution_add(parser, *ret);
}

static bool parse_function(struct parser *parser, const char *exception, struct piece *ret)
{
	struct piece result;
	const char *parameters, *reference = "";

	if (!parser_take(parser, 'F'))
		return false;
	// extern "C": no part of how it is written.
	parser_take(parser, 'Y');
	if (!parse_type(parser, &result) || !parse_parameters(parser, &parameters))
		return false;
	if (parser_take(parser, 'R'))
		reference = " &";
	else if (parser_take(parser, 'O'))
		reference = " &&";
	if (!parser_take(parser, 'E'))
		return false;
	*ret = (struct piece){
		.left = TEXT(parser, result.left, *result.right ? "" : " "),
		.right = TEXT(parser, parameters, reference, exception, result.right),
		.is_function = true,
	};
	return ret->left && ret->right && substitution_add(parser, *ret);
}

static bool parse_array(struct parser *parser, struct piece *ret)
{
	char number[24] = "";
	size_t n;

	if (!parser_take(parser, 'A'))
		return false;
	if (is_digit(parser_peek(parser, 0))) {
		// Longer than any name may be, so not parse_number().
		for (n = 0; is_digit(parser_peek(parser, 0)); parser->at++) {
			if (n + 1 >= sizeof(number))
				return false;
			number[n++] = *parser->at;
		}
	}
	if (!parser_take(parser, '_') || !parse_type(parser, ret))
		return false;
	// Of several dimensions, the inner ones have a space already.
	ret->right = TEXT(parser, ret->is_array ? " [" : " [", number, "]", ret->is_array ? ret->right + 1 : ret->right);
	ret->is_array = true;
	return ret->right && substitution_add(parser, *ret);
}

static bool parse_member_pointer(struct parser *parser, struct piece *ret)
{
	struct piece class;

	parser->at++;
	if (!parse_type(parser, &class) || !parse_type(parser, ret))
		return false;
	if (ret->is_function) {
		ret->left = TEXT(parser, ret->left, "(", class.left, class.right, "::*");
		ret->right = TEXT(parser, ")", ret->right);
		ret->is_function = false;
	} else {
		ret->left = TEXT(parser, ret->left, " ", class.left, class.right, "::*");
	}
	return ret->left && ret->right && substitution_add(parser, *ret);
}

/* What follows a D. */
static bool parse_type_d(struct parser *parser, struct piece *ret)
{
	const char *name = builtin_name_d(parser_peek(parser, 1));
	size_t bits;

	if (name) {
		parser->at += 2;
		*ret = (struct piece){.left = name, .right = ""};
		return true;
	}
	switch (parser_peek(parser, 1)) {
	case 'p':
		// An expansion. Where it is just the pack, its elements stand in the text already; nothing more is understood.
		parser->at += 2;
		return parser_peek(parser, 0) == 'T' && parse_type(parser, ret) && substitution_add(parser, *ret);
	case 'o':
		parser->at += 2;
		return parse_function(parser, " noexcept", ret);
	case 'F': {
		char text[32];

		parser->at += 2;
		if (!parse_number(parser, &bits))
			return false;
		parser_take(parser, '_');
		snprintf(text, sizeof(text), "_Float%zu", bits);
		*ret = (struct piece){.left = TEXT(parser, text), .right = ""};
		return ret->left != NULL;
	}
	default:
		return false;
	}
}

/* A class, an enumeration, or a substitution, with arguments where it is a template. */
static bool parse_type_name(struct parser *parser, struct piece *ret)
{
	struct name_traits traits;
	const char *name, *arguments;

	if (parser_peek(parser, 0) == 'S' && parser_peek(parser, 1) != 't') {
		if (!parse_substitution(parser, ret))
			return false;
		if (parser_peek(parser, 0) != 'I')
			return true;
		if (!parse_arguments(parser, &arguments))
			return false;
		name = TEXT(parser, ret->left, ret->right, arguments);
	} else if (parser_peek(parser, 0) == 'T') {
		char second = parser_peek(parser, 1);

		if (second == 's' || second == 'u' || second == 'e') {
			parser->at += 2;
			if (!parse_name(parser, true, &name, &traits))
				return false;
		} else if (!parse_template_parameter(parser, &name)) {
			return false;
		} else if (parser_peek(parser, 0) == 'I') {
			if (!substitution_add_name(parser, name) || !parse_arguments(parser, &arguments))
				return false;
			name = TEXT(parser, name, arguments);
		}
	} else if (!parse_name(parser, true, &name, &traits)) {
		return false;
	}
	*ret = (struct piece){.left = name, .right = ""};
	return name && substitution_add(parser, *ret);
}

static bool parse_type_of(struct parser *parser, struct piece *ret)
{
	char first = parser_peek(parser, 0);
	const char *name;

	switch (first) {
	case 'K':
	case 'V':
	case 'r':
		return parse_qualified(parser, ret);
	case 'P':
		return parse_pointer(parser, "*", ret);
	case 'R':
		return parse_pointer(parser, "&", ret);
	case 'O':
		return parse_pointer(parser, "&&", ret);
	case 'C':
	case 'G':
		parser->at++;
		if (!parse_type(parser, ret))
			return false;
		ret->left = TEXT(parser, ret->left, first == 'C' ? " _Complex" : " _Imaginary");
		return ret->left && substitution_add(parser, *ret);
	case 'F':
		return parse_function(parser, "", ret);
	case 'A':
		return parse_array(parser, ret);
	case 'M':
		return parse_member_pointer(parser, ret);
	case 'D':
		return parse_type_d(parser, ret);
	case 'u':
		parser->at++;
		if (!parse_source_name(parser, &name))
			return false;
		*ret = (struct piece){.left = name, .right = ""};
		return substitution_add(parser, *ret);
	case 'N':
	case 'Z':
	case 'S':
	case 'T':
	case 'U':
		return parse_type_name(parser, ret);
	default:
		if (is_digit(first))
			return parse_type_name(parser, ret);
		name = builtin_name(first);
		if (!name)
			return false;
		parser->at++;
		*ret = (struct piece){.left = name, .right = ""};
		return true;
	}
}

bool parse_type(struct parser *parser, struct piece *ret)
{
	bool is_good = parser_enter(parser) && parse_type_of(parser, ret);

	return parser_leave(parser, is_good);
}
