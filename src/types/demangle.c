/* SPDX-License-Identifier: MIT */
/*
 * A parser by descent over the grammar of the ABI, which writes the text as it goes: what a substitution stands for is text, too.
 *
 * A type is a pair of texts, since C puts what is declared into the middle: a pointer to a function int(char) is «int (*» and
 * «)(char)». All texts of one name live in one list and go together. What bounds the work is bytes written: each step writes at least one,
 * and WORK_MAX of them is the end; the descent is bounded by DEPTH_MAX.
 */
#include "types/demangle.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
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

static bool parse_type(struct parser *parser, struct piece *ret);
static bool parse_name(struct parser *parser, bool is_type, const char **ret, struct name_traits *traits);
static bool parse_encoding(struct parser *parser, bool with_result, const char **ret);

static char parser_peek(const struct parser *parser, size_t ahead)
{
	return ahead < (size_t)(parser->end - parser->at) ? parser->at[ahead] : '\0';
}

static bool parser_take(struct parser *parser, char wanted)
{
	if (parser_peek(parser, 0) != wanted)
		return false;
	parser->at++;
	return true;
}

static bool parser_take_word(struct parser *parser, const char *wanted)
{
	size_t length = strlen(wanted);

	if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, wanted, length) != 0)
		return false;
	parser->at += length;
	return true;
}

static bool parser_enter(struct parser *parser)
{
	return ++parser->depth <= DEPTH_MAX;
}

static bool parser_leave(struct parser *parser, bool is_good)
{
	parser->depth--;
	return is_good;
}

/* The texts put together; NULL when that is too long, or too much work. Borrowed: from the parser. */
static const char *text_joined(struct parser *parser, const char *const *parts, size_t n)
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

#define TEXT(parser, ...) \
	text_joined((parser), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool text_ends_in(const char *text, char last)
{
	size_t length = strlen(text);

	return length > 0 && text[length - 1] == last;
}

static bool substitution_add(struct parser *parser, struct piece piece)
{
	if (parser->substitutions.n == SUBSTITUTIONS_MAX)
		return false;
	array_append(&parser->substitutions, piece);
	return true;
}

static bool substitution_add_name(struct parser *parser, const char *name)
{
	return substitution_add(parser, (struct piece){.left = name, .right = ""});
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number; false when there is none or it is absurd. */
static bool parse_number(struct parser *parser, size_t *ret)
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

/* «_» is 0, «0_» is 1, «Z_» is 36. In base 10 for T_ and unnamed things, 36 for S_. */
static bool parse_sequence(struct parser *parser, unsigned base, size_t *ret)
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

/* <source-name>: a length and as many bytes. */
static bool parse_source_name(struct parser *parser, const char **ret)
{
	size_t length;

	if (!parse_number(parser, &length) || length == 0 || length > (size_t)(parser->end - parser->at))
		return false;
	const char *name = parser->at;
	parser->at += length;
	// gcc: _GLOBAL__N_1, older ones with a hash of the file.
	if (length >= 10 && memcmp(name, "_GLOBAL_", 8) == 0 && strchr("_.$", name[8]) && name[9] == 'N') {
		*ret = "(anonymous namespace)";
		return true;
	}
	parser->work += length + 1;
	if (parser->work > WORK_MAX)
		return false;
	char *text = xstrndup(name, length);
	array_append(&parser->texts, text);
	*ret = text;
	return true;
}

static const struct {
	char code[3];
	const char *name;
} operators[] = {
	{"nw", "operator new"}, {"na", "operator new[]"}, {"dl", "operator delete"}, {"da", "operator delete[]"},
	{"ng", "operator-"},    {"ad", "operator&"},      {"de", "operator*"},       {"co", "operator~"},
	{"pl", "operator+"},    {"mi", "operator-"},      {"ml", "operator*"},       {"dv", "operator/"},
	{"rm", "operator%"},    {"an", "operator&"},      {"or", "operator|"},       {"eo", "operator^"},
	{"aS", "operator="},    {"pL", "operator+="},     {"mI", "operator-="},      {"mL", "operator*="},
	{"dV", "operator/="},   {"rM", "operator%="},     {"aN", "operator&="},      {"oR", "operator|="},
	{"eO", "operator^="},   {"ls", "operator<<"},     {"rs", "operator>>"},      {"lS", "operator<<="},
	{"rS", "operator>>="},  {"eq", "operator=="},     {"ne", "operator!="},      {"lt", "operator<"},
	{"gt", "operator>"},    {"le", "operator<="},     {"ge", "operator>="},      {"ss", "operator<=>"},
	{"nt", "operator!"},    {"aa", "operator&&"},     {"oo", "operator||"},      {"pp", "operator++"},
	{"mm", "operator--"},   {"cm", "operator,"},      {"pm", "operator->*"},     {"pt", "operator->"},
	{"cl", "operator()"},   {"ix", "operator[]"},     {"ps", "operator+"},       {"aw", "operator co_await"},
};

/* What is behind the name of a symbol: .isra.0, @@VERSION. */
static bool parser_at_suffix(const struct parser *parser)
{
	return parser->at >= parser->end || *parser->at == '.' || *parser->at == '@';
}

/* The parameters of a function up to E or the end: «(int, char)». */
static bool parse_parameters(struct parser *parser, const char **ret)
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

/* <unnamed-type-name>: Ut_ and Ul…E_. */
static bool parse_unnamed(struct parser *parser, const char **ret)
{
	char number[24];
	const char *parameters = NULL;
	size_t nth;

	if (parser_take_word(parser, "Ul")) {
		if (!parse_parameters(parser, &parameters) || !parser_take(parser, 'E'))
			return false;
	} else if (!parser_take_word(parser, "Ut")) {
		return false;
	}
	if (!parse_sequence(parser, 10, &nth))
		return false;
	snprintf(number, sizeof(number), "#%zu}", nth + 1);
	*ret = parameters ? TEXT(parser, "{lambda", parameters, number) : TEXT(parser, "{unnamed type", number);
	return *ret != NULL;
}

static bool parse_operator(struct parser *parser, const char **ret, struct name_traits *traits)
{
	if (parser_take_word(parser, "cv")) {
		struct piece piece;

		traits->has_no_return_type = true;
		if (!parse_type(parser, &piece))
			return false;
		*ret = TEXT(parser, "operator ", piece.left, piece.right);
		return *ret != NULL;
	}
	if (parser_take_word(parser, "li")) {
		const char *name;

		if (!parse_source_name(parser, &name))
			return false;
		*ret = TEXT(parser, "operator\"\" ", name);
		return *ret != NULL;
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (parser_take_word(parser, operators[i].code)) {
			*ret = operators[i].name;
			return true;
		}
	}
	return false;
}

/* The last component of a scope without its template arguments: what constructors are called. */
static const char *scope_base(struct parser *parser, const char *scope)
{
	const char *start = scope;
	size_t length = strlen(scope), depth = 0;

	for (const char *at = scope; *at; at++) {
		if (*at == '<')
			depth++;
		else if (*at == '>' && depth > 0)
			depth--;
		else if (depth == 0 && at[0] == ':' && at[1] == ':')
			start = at + 2;
	}
	for (const char *at = start; *at; at++) {
		if (*at == '<' || *at == '[') {
			length = (size_t)(at - scope);
			break;
		}
	}
	parser->work += length;
	if (parser->work > WORK_MAX)
		return NULL;
	char *text = xstrndup(start, length - (size_t)(start - scope));
	array_append(&parser->texts, text);
	return text;
}

static bool parse_abi_tags(struct parser *parser, const char **name)
{
	while (parser_take(parser, 'B')) {
		const char *tag;

		if (!parse_source_name(parser, &tag))
			return false;
		*name = TEXT(parser, *name, "[abi:", tag, "]");
		if (!*name)
			return false;
	}
	return true;
}

/* <unqualified-name>. The scope is for constructors; NULL outside of classes. */
static bool parse_unqualified(struct parser *parser, const char *scope, const char **ret, struct name_traits *traits)
{
	char first = parser_peek(parser, 0), second = parser_peek(parser, 1);
	bool is_good;

	while (parser_take(parser, 'L'))
		first = parser_peek(parser, 0);
	if (is_digit(first)) {
		is_good = parse_source_name(parser, ret);
	} else if (first == 'U') {
		is_good = parse_unnamed(parser, ret);
	} else if (scope && ((first == 'C' && second >= '1' && second <= '5') || (first == 'D' && second >= '0' && second <= '5'))) {
		const char *base = scope_base(parser, scope);

		parser->at += 2;
		traits->has_no_return_type = true;
		*ret = base && first == 'D' ? TEXT(parser, "~", base) : base;
		is_good = *ret != NULL;
	} else {
		is_good = parse_operator(parser, ret, traits);
	}
	return is_good && parse_abi_tags(parser, ret);
}

/* What a Rust compiler or a C++ one calls a literal's value; the type is one letter or a name. */
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

/* <template-args>: «<int, char>». */
static bool parse_arguments(struct parser *parser, const char **ret)
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

/* S_, S0_ …, or one of the abbreviations; not St, which is only a scope. */
static bool parse_substitution(struct parser *parser, struct piece *ret)
{
	static const struct {
		char code;
		const char *name;
	} abbreviations[] = {
		{'a', "std::allocator"},
		{'b', "std::basic_string"},
		{'s', "std::basic_string<char, std::char_traits<char>, std::allocator<char> >"},
		{'i', "std::basic_istream<char, std::char_traits<char> >"},
		{'o', "std::basic_ostream<char, std::char_traits<char> >"},
		{'d', "std::basic_iostream<char, std::char_traits<char> >"},
	};
	char second = parser_peek(parser, 1);
	size_t nth;

	for (size_t i = 0; i < sizeof(abbreviations) / sizeof(abbreviations[0]); i++) {
		if (second == abbreviations[i].code) {
			const char *name = abbreviations[i].name;

			parser->at += 2;
			if (!parse_abi_tags(parser, &name))
				return false;
			*ret = (struct piece){.left = name, .right = ""};
			return true;
		}
	}
	parser->at++;
	if (!parse_sequence(parser, 36, &nth) || nth >= parser->substitutions.n)
		return false;
	*ret = parser->substitutions.v[nth];
	return true;
}

static bool parse_template_parameter(struct parser *parser, const char **ret)
{
	size_t nth;

	if (!parser_take(parser, 'T') || !parse_sequence(parser, 10, &nth) || nth >= parser->parameters.n)
		return false;
	*ret = parser->arguments.v[parser->parameters.first + nth];
	return true;
}

/* One part of a nested name, put behind the scope. *is_new says whether a substitution may stand for what is now there. */
static bool parse_prefix(struct parser *parser, const char **scope, bool *is_new, struct name_traits *traits)
{
	char first = parser_peek(parser, 0);
	const char *part;

	*is_new = true;
	traits->ends_in_arguments = false;
	if (first == 'S' && parser_peek(parser, 1) == 't') {
		parser->at += 2;
		*scope = "std";
		*is_new = false;
		return true;
	}
	if (first == 'S') {
		struct piece piece;

		*is_new = false;
		if (**scope || !parse_substitution(parser, &piece))
			return false;
		*scope = TEXT(parser, piece.left, piece.right);
		return *scope != NULL;
	}
	if (first == 'T') {
		if (**scope || !parse_template_parameter(parser, scope))
			return false;
		return true;
	}
	if (first == 'I') {
		if (!**scope || !parse_arguments(parser, &part))
			return false;
		traits->ends_in_arguments = true;
		*scope = TEXT(parser, *scope, text_ends_in(*scope, '<') ? " " : "", part);
		return *scope != NULL;
	}
	// A lambda in the initialiser of a member.
	if (first == 'M') {
		parser->at++;
		*is_new = false;
		return **scope != '\0';
	}
	if (!parse_unqualified(parser, **scope ? *scope : NULL, &part, traits))
		return false;
	*scope = **scope ? TEXT(parser, *scope, "::", part) : part;
	return *scope != NULL;
}

/* <nested-name>. */
static bool parse_nested(struct parser *parser, const char **ret, struct name_traits *traits)
{
	const char *scope = "", *qualifiers = "";

	if (!parser_take(parser, 'N'))
		return false;
	for (char c; (c = parser_peek(parser, 0)) == 'r' || c == 'V' || c == 'K'; parser->at++) {
		// «rm» and the like cannot follow here.
		qualifiers = TEXT(parser, c == 'K' ? " const" : c == 'V' ? " volatile" : " restrict", qualifiers);
		if (!qualifiers)
			return false;
	}
	if (parser_take(parser, 'R'))
		qualifiers = TEXT(parser, qualifiers, " &");
	else if (parser_take(parser, 'O'))
		qualifiers = TEXT(parser, qualifiers, " &&");
	if (!qualifiers)
		return false;
	while (!parser_take(parser, 'E')) {
		bool is_new;

		if (parser->at >= parser->end || !parse_prefix(parser, &scope, &is_new, traits))
			return false;
		// What the whole name stands for, its user adds, if it is a type.
		if (is_new && parser_peek(parser, 0) != 'E' && !substitution_add_name(parser, scope))
			return false;
	}
	traits->qualifiers = qualifiers;
	*ret = scope;
	return *scope != '\0';
}

/* <local-name>: what a function has inside. */
static bool parse_local(struct parser *parser, bool is_type, const char **ret, struct name_traits *traits)
{
	const char *function, *name;
	struct argument_list parameters = parser->parameters;
	size_t number;

	if (!parser_take(parser, 'Z') || !parse_encoding(parser, false, &function) || !parser_take(parser, 'E'))
		return false;
	parser->parameters = parameters;
	if (parser_take(parser, 's')) {
		name = "string literal";
	} else {
		if (parser_take(parser, 'd')) {
			// In the default of the n-th parameter from the end.
			char text[48];

			if (!parse_sequence(parser, 10, &number))
				return false;
			snprintf(text, sizeof(text), "::{default arg#%zu}", number + 1);
			function = TEXT(parser, function, text);
			if (!function)
				return false;
		}
		if (!parse_name(parser, is_type, &name, traits))
			return false;
	}
	// Which one of several of that name: no part of what it is called.
	if (parser_peek(parser, 0) == '_' && is_digit(parser_peek(parser, 1))) {
		parser->at += 2;
	} else if (parser_take_word(parser, "__")) {
		if (!parse_number(parser, &number) || !parser_take(parser, '_'))
			return false;
	}
	*ret = TEXT(parser, function, "::", name);
	return *ret != NULL;
}

/* <name>. The name itself becomes no substitution here, what it consists of does. */
static bool parse_name(struct parser *parser, bool is_type, const char **ret, struct name_traits *traits)
{
	const char *arguments;
	bool is_good = false, is_substitution = false;

	*traits = (struct name_traits){.qualifiers = ""};
	if (!parser_enter(parser))
		return parser_leave(parser, false);
	if (parser_peek(parser, 0) == 'N') {
		is_good = parse_nested(parser, ret, traits);
		return parser_leave(parser, is_good);
	}
	if (parser_peek(parser, 0) == 'Z') {
		is_good = parse_local(parser, is_type, ret, traits);
		return parser_leave(parser, is_good);
	}
	if (parser_take_word(parser, "St")) {
		const char *name;

		is_good = parse_unqualified(parser, NULL, &name, traits);
		*ret = is_good ? TEXT(parser, "std::", name) : NULL;
		is_good = *ret != NULL;
	} else if (parser_peek(parser, 0) == 'S') {
		struct piece piece;

		is_good = parse_substitution(parser, &piece);
		*ret = is_good ? TEXT(parser, piece.left, piece.right) : NULL;
		is_good = *ret != NULL;
		is_substitution = true;
	} else {
		is_good = parse_unqualified(parser, NULL, ret, traits);
	}
	if (is_good && parser_peek(parser, 0) == 'I') {
		is_good = (is_substitution || substitution_add_name(parser, *ret)) && parse_arguments(parser, &arguments);
		*ret = is_good ? TEXT(parser, *ret, text_ends_in(*ret, '<') ? " " : "", arguments) : NULL;
		is_good = *ret != NULL;
		traits->ends_in_arguments = true;
	}
	return parser_leave(parser, is_good);
}

/* <encoding>: a function with its parameters, or data. Only templates say what they return; a scope is written without it. */
static bool parse_encoding(struct parser *parser, bool with_result, const char **ret)
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
			parser->work += length;
			char *text = xstrndup(ret->left, length - 1);
			array_append(&parser->texts, text);
			ret->left = text;
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

static bool parse_type(struct parser *parser, struct piece *ret)
{
	bool is_good = parser_enter(parser) && parse_type_of(parser, ret);

	return parser_leave(parser, is_good);
}

static void parser_deinit(struct parser *parser)
{
	for (size_t i = 0; i < parser->texts.n; i++)
		free(parser->texts.v[i]);
	array_deinit(&parser->texts);
	array_deinit(&parser->substitutions);
	array_deinit(&parser->arguments);
}

char *demangle_type(const char *mangled)
{
	struct piece piece;
	char *text = NULL;

	mangled += *mangled == '*';
	size_t length = strnlen(mangled, MANGLED_MAX + 1);
	if (length == 0 || length > MANGLED_MAX)
		return NULL;
	struct parser parser = {.at = mangled, .end = mangled + length};
	if (parse_type(&parser, &piece) && parser.at == parser.end && strlen(piece.left) + strlen(piece.right) <= DEMANGLED_MAX)
		text = xasprintf("%s%s", piece.left, piece.right);
	parser_deinit(&parser);
	return text;
}

/* ---- symbols ---- */

static bool is_hexadecimal(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]) && (text[i] < 'a' || text[i] > 'f'))
			return false;
	}
	return true;
}

/* One part of a Rust path: «_$LT$impl$u20$Foo$GT$», «a..b». Appends to the text. */
static bool rust_part(const char *part, size_t length, char *text, size_t *used)
{
	static const struct {
		const char *code, *text;
	} escapes[] = {
		{"$LT$", "<"}, {"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","},
		{"$RF$", "&"}, {"$BP$", "*"}, {"$SP$", "@"},
	};
	const char *end = part + length;

	if (length > 1 && part[0] == '_' && part[1] == '$')
		part++;
	// No escape is longer in clear than in code.
	while (part < end) {
		size_t left = (size_t)(end - part), i;

		if (left >= 2 && part[0] == '.' && part[1] == '.') {
			text[(*used)++] = ':';
			text[(*used)++] = ':';
			part += 2;
			continue;
		}
		if (*part != '$') {
			text[(*used)++] = *part++;
			continue;
		}
		for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
			size_t code = strlen(escapes[i].code);

			if (left >= code && memcmp(part, escapes[i].code, code) == 0) {
				text[(*used)++] = *escapes[i].text;
				part += code;
				break;
			}
		}
		if (i < sizeof(escapes) / sizeof(escapes[0]))
			continue;
		// $u20$: a character by its number.
		if (left < 5 || part[1] != 'u' || !is_hexadecimal(part + 2, 2) || part[4] != '$')
			return false;
		char digits[3] = {part[2], part[3], '\0'};
		unsigned long value = strtoul(digits, NULL, 16);
		if (value < 0x20 || value > 0x7e)
			return false;
		text[(*used)++] = (char)value;
		part += 5;
	}
	return true;
}

/* Rust's legacy scheme looks like a nested name whose last part is a hash. NULL when it is none. */
static char *demangle_rust(const char *symbol, size_t length)
{
	const char *at = symbol + 3, *end = symbol + length;
	size_t used = 0, n;

	if (length < 24 || strncmp(symbol, "_ZN", 3) != 0)
		return NULL;
	char *text = xmalloc(length * 2 + 1);
	for (n = 0; at < end && is_digit(*at); n++) {
		size_t part = 0;

		while (at < end && is_digit(*at) && part <= MANGLED_MAX)
			part = part * 10 + (size_t)(*at++ - '0');
		if (part == 0 || part > (size_t)(end - at))
			break;
		if (part == 17 && at[0] == 'h' && is_hexadecimal(at + 1, 16) && (size_t)(end - at) >= 18 && at[17] == 'E' && n > 0) {
			text[used] = '\0';
			return text;
		}
		if (n > 0) {
			text[used++] = ':';
			text[used++] = ':';
		}
		if (!rust_part(at, part, text, &used))
			break;
		at += part;
	}
	free(text);
	return NULL;
}

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

char *demangle_symbol(const char *symbol)
{
	size_t length = strnlen(symbol, MANGLED_MAX + 1);
	const char *name;
	char *text;

	if (length < 3 || length > MANGLED_MAX || symbol[0] != '_' || symbol[1] != 'Z')
		return NULL;
	text = demangle_rust(symbol, length);
	if (text)
		return text;
	struct parser parser = {.at = symbol + 2, .end = symbol + length};
	if (parse_symbol(&parser, &name) && parser_at_suffix(&parser))
		text = xstrdup(name);
	parser_deinit(&parser);
	return text;
}

char *demangle_function(const char *symbol)
{
	char *text = demangle_symbol(symbol);
	struct name_traits traits;
	const char *name;

	if (!text || !strchr(text, '('))
		return text;
	struct parser parser = {.at = symbol + 2, .end = symbol + strlen(symbol)};
	if (parse_name(&parser, false, &name, &traits)) {
		free(text);
		text = xstrdup(name);
	}
	parser_deinit(&parser);
	return text;
}
