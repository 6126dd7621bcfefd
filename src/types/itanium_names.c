/* SPDX-License-Identifier: MIT */
/* Chapter 5.1.3 of the ABI and what belongs to it: operators, scopes, local and unnamed things, substitutions. */
#include <stdio.h>
#include <string.h>

#include "types/demangle.h"
#include "types/itanium.h"

static bool text_ends_in(const char *text, char last)
{
	size_t length = strlen(text);

	return length > 0 && text[length - 1] == last;
}

bool parse_source_name(struct parser *parser, const char **ret)
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
	*ret = text_copied(parser, name, length);
	return *ret != NULL;
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
	return text_copied(parser, start, length - (size_t)(start - scope));
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

bool parse_substitution(struct parser *parser, struct piece *ret)
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

bool parse_name(struct parser *parser, bool is_type, const char **ret, struct name_traits *traits)
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
