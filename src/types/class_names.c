/* SPDX-License-Identifier: MIT */
#include "types/class_names.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/type_index.h"
#include "types/vtables.h"

enum {
	/** Template arguments in template arguments. */
	DEPTH_MAX = 64,
	ARGUMENTS_MAX = 64,
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(const char *word, size_t length, const char *const *words)
{
	for (; *words; words++) {
		if (strlen(*words) == length && memcmp(*words, word, length) == 0)
			return true;
	}
	return false;
}

/* ---- keys ---- */

/* Words of the names of numbers, until another word or sign follows. */
struct number_words {
	unsigned is_unsigned, is_signed, longs, is_short, is_int, is_char;
};

static bool number_word(struct number_words *words, const char *word, size_t length)
{
	static const struct {
		const char *word;
		size_t member;
	} known[] = {
		{"unsigned", offsetof(struct number_words, is_unsigned)}, {"signed", offsetof(struct number_words, is_signed)},
		{"long", offsetof(struct number_words, longs)},           {"short", offsetof(struct number_words, is_short)},
		{"int", offsetof(struct number_words, is_int)},           {"char", offsetof(struct number_words, is_char)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].word) == length && memcmp(known[i].word, word, length) == 0) {
			++*(unsigned *)((char *)words + known[i].member);
			return true;
		}
	}
	return false;
}

static char *put(char *at, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, text, length);
	return at + length;
}

/* Never longer than the words that it stands for. */
static char *number_put(char *at, struct number_words *words)
{
	if (words->is_char)
		at = put(at, words->is_unsigned ? "uchar" : words->is_signed ? "schar" : "char");
	else if (words->is_short)
		at = put(at, words->is_unsigned ? "ushort" : "short");
	else if (words->longs)
		// «long» and «long long» are as long as each other, but not the same.
		at = put(at, words->longs > 1 ? (words->is_unsigned ? "ulonglong" : "longlong") : (words->is_unsigned ? "ulong" : "long"));
	else if (words->is_unsigned)
		at = put(at, "uint");
	else if (words->is_int || words->is_signed)
		at = put(at, "int");
	*words = (struct number_words){0};
	return at;
}

/* The end of a cast in front of a number: «(Color)2»; NULL when it is none. */
static const char *cast_end(const char *at)
{
	unsigned depth = 0;

	for (; *at; at++) {
		depth += *at == '(';
		if (*at == ')' && --depth == 0)
			return is_digit(at[1]) || (at[1] == '-' && is_digit(at[2])) ? at + 1 : NULL;
	}
	return NULL;
}

char *class_name_key(const char *name)
{
	static const char *const dropped[] = {"const", "volatile", "struct", "class", "union", "enum", NULL};
	struct number_words words = {0};
	char *key = xmalloc(strlen(name) + 8), *at = key;

	while (*name) {
		size_t length = 0;

		if (*name == ' ') {
			name++;
			continue;
		}
		while (is_word(name[length]))
			length++;
		if (length > 0 && !is_digit(*name)) {
			if (is_one_of(name, length, dropped) || number_word(&words, name, length)) {
				name += length;
				continue;
			}
			at = number_put(at, &words);
			if (length == 4 && memcmp(name, "true", 4) == 0)
				*at++ = '1';
			else if (length == 5 && memcmp(name, "false", 5) == 0)
				*at++ = '0';
			else
				at = (char *)memcpy(at, name, length) + length;
			name += length;
			continue;
		}
		at = number_put(at, &words);
		if (length > 0) {
			size_t digits = length;

			while (digits > 1 && strchr("uUlL", name[digits - 1]))
				digits--;
			at = (char *)memcpy(at, name, digits) + digits;
			name += length;
			continue;
		}
		if (strncmp(name, "[abi:", 5) == 0 && strchr(name, ']')) {
			name = strchr(name, ']') + 1;
			continue;
		}
		const char *end = *name == '(' ? cast_end(name) : NULL;
		if (end)
			name = end;
		else
			*at++ = *name++;
	}
	at = number_put(at, &words);
	*at = '\0';
	return key;
}

/* ---- short names ---- */

/* What the library takes where nothing is said. */
static const char *const defaults[] = {
	"std::allocator<", "std::char_traits<", "std::less<",	      "std::hash<",
	"std::equal_to<",  "std::default_delete<", "alloc::alloc::Global", "std::hash::random::RandomState", NULL,
};

static const struct {
	const char *full, *name;
} short_names[] = {
	{"std::basic_string<char>", "std::string"},
	{"std::basic_string<wchar_t>", "std::wstring"},
	{"std::basic_string<char8_t>", "std::u8string"},
	{"std::basic_string<char16_t>", "std::u16string"},
	{"std::basic_string<char32_t>", "std::u32string"},
	{"std::basic_string_view<char>", "std::string_view"},
	{"std::basic_stringstream<char>", "std::stringstream"},
	{"std::basic_ostringstream<char>", "std::ostringstream"},
	{"std::basic_istringstream<char>", "std::istringstream"},
	{"std::basic_stringbuf<char>", "std::stringbuf"},
	{"std::basic_fstream<char>", "std::fstream"},
	{"std::basic_ofstream<char>", "std::ofstream"},
	{"std::basic_ifstream<char>", "std::ifstream"},
	{"std::basic_filebuf<char>", "std::filebuf"},
	{"std::basic_ostream<char>", "std::ostream"},
	{"std::basic_istream<char>", "std::istream"},
	{"std::basic_streambuf<char>", "std::streambuf"},
};

struct open_list {
	/* In the output: where the name of the template begins, and its arguments. */
	size_t name, arguments[ARGUMENTS_MAX];
	size_t n;
};

static bool is_default(const char *argument)
{
	for (const char *const *one = defaults; *one; one++) {
		if (strncmp(argument, *one, strlen(*one)) == 0)
			return true;
	}
	return false;
}

/* Ends a list of arguments: takes off the defaults at its end, and gives a template its short name. */
static size_t list_end(char *text, size_t length, const struct open_list *list)
{
	while (length > 0 && text[length - 1] == ' ')
		length--;
	text[length] = '\0';
	for (size_t i = list->n; i-- > 1 && is_default(text + list->arguments[i]);) {
		// With the comma in front.
		length = list->arguments[i];
		while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == ','))
			length--;
		text[length] = '\0';
	}
	text[length++] = '>';
	text[length] = '\0';
	for (size_t i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++) {
		if (strcmp(text + list->name, short_names[i].full) == 0) {
			strcpy(text + list->name, short_names[i].name);
			return list->name + strlen(short_names[i].name);
		}
	}
	return length;
}

static bool skip(const char **at, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(*at, text, length) != 0)
		return false;
	*at += length;
	return true;
}

char *class_name_short(const char *name)
{
	struct open_list *lists = xcalloc(DEPTH_MAX, sizeof(*lists));
	char *text = xmalloc(strlen(name) + 2);
	size_t length = 0, depth = 0, start = 0;
	bool is_good = true;

	for (const char *at = name; *at && is_good;) {
		if (strncmp(at, "std::", 5) == 0 && (at == name || !is_word(at[-1]))) {
			memcpy(text + length, at, 5);
			start = length;
			length += 5;
			at += 5;
			while (skip(&at, "__cxx11::") || skip(&at, "__1::"))
				;
			continue;
		}
		switch (*at) {
		case '<':
			is_good = depth < DEPTH_MAX && length > 0 && is_word(text[length - 1]);
			if (!is_good)
				break;
			text[length++] = *at++;
			lists[depth++] = (struct open_list){.name = start, .arguments = {length}, .n = 1};
			start = length;
			break;
		case '>':
			is_good = depth > 0 && (at == name || at[-1] != '-');
			if (!is_good)
				break;
			length = list_end(text, length, &lists[--depth]);
			start = lists[depth].name;
			at++;
			break;
		case ',':
			text[length++] = *at++;
			if (*at == ' ')
				text[length++] = *at++;
			start = length;
			if (depth > 0 && lists[depth - 1].n < ARGUMENTS_MAX)
				lists[depth - 1].arguments[lists[depth - 1].n++] = length;
			break;
		case '(':
		case ' ':
			text[length++] = *at++;
			start = length;
			break;
		default:
			text[length++] = *at++;
		}
	}
	free(lists);
	if (!is_good || depth > 0) {
		// An operator, or no C++.
		free(text);
		return xstrdup(name);
	}
	text[length] = '\0';
	return text;
}

/* Whether a member has a name that only the standard library may use, in either of them: _M_impl, __begin_. */
static bool is_of_library(const char *name, size_t length)
{
	return (length > 3 && strncmp(name, "_M_", 3) == 0) || (length > 3 && strncmp(name, "__", 2) == 0 && name[length - 1] == '_');
}

char *member_path_short(const char *path)
{
	char *ret = xmalloc(strlen(path) + 1), *to = ret;

	while (*path) {
		// A dot with a name, and what indices there are.
		size_t dot = *path == '.', name = strcspn(path + dot, ".["), whole = strcspn(path + dot, ".");
		size_t skipped = is_of_library(path + dot, name) ? dot + name : 0;

		memcpy(to, path + skipped, dot + whole - skipped);
		to += dot + whole - skipped;
		path += dot + whole;
	}
	*to = '\0';
	return ret;
}

/* ---- types of classes ---- */

/* What a class of a function is called in it: «f(int)::Local» is Local. The name itself when it is of none. */
static const char *name_in_function(const char *name)
{
	const char *found = name;
	unsigned depth = 0;

	for (const char *at = name; *at; at++) {
		if (*at == '<')
			depth++;
		else if (*at == '>' && depth > 0)
			depth--;
		else if (depth == 0 && *at == ')' && strncmp(at, ")::", 3) == 0 &&
			 !(at - name >= 20 && memcmp(at - 20, "(anonymous namespace", 20) == 0))
			found = at + 3;
		else if (depth == 0 && strncmp(at, ") const::", 9) == 0)
			found = at + 9;
	}
	return found;
}

/* The key of a type: where template arguments are numbers, what debug information says of them is taken, since compilers write these differently. */
static char *type_key(const struct type_table *table, const struct type *type)
{
	size_t length = strlen(type->name), depth = 0, argument = 0, used = 0;
	bool is_number = false;

	if (length == 0 || type->name[length - 1] != '>')
		return class_name_key(type->name);
	// Which of the template's parameters the last list belongs to is only known for the last one.
	size_t open = length;
	for (size_t at = length; at-- > 0;) {
		if (type->name[at] == '>')
			depth++;
		else if (type->name[at] == '<' && --depth == 0) {
			open = at;
			break;
		}
	}
	const struct type_member *parameters[ARGUMENTS_MAX];
	size_t n = 0, n_numbers = 0;
	for (uint32_t i = 0; i < type->n && n < ARGUMENTS_MAX; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind == MEMBER_TEMPLATE_TYPE || member->kind == MEMBER_TEMPLATE_VALUE) {
			n_numbers += member->kind == MEMBER_TEMPLATE_VALUE;
			parameters[n++] = member;
		}
	}
	if (open == length || n_numbers == 0)
		return class_name_key(type->name);

	_cleanup_free_ char *text = xmalloc(length + 1 + n * 24);
	memcpy(text, type->name, open + 1);
	used = open + 1;
	for (size_t at = open + 1; at < length; at++) {
		char c = type->name[at];
		bool begins = argument == 0 || (depth == 0 && c == ',');

		if (begins) {
			if (c == ',')
				text[used++] = c;
			is_number = argument < n && parameters[argument]->kind == MEMBER_TEMPLATE_VALUE &&
				    parameters[argument]->offset != MEMBER_NO_OFFSET;
			if (is_number)
				used += (size_t)sprintf(text + used, "%" PRId64, (int64_t)parameters[argument]->offset);
			argument++;
			if (c == ',')
				continue;
		}
		depth += c == '<' || c == '(';
		depth -= (c == '>' || c == ')') && depth > 0;
		if (!is_number || at + 1 == length)
			text[used++] = c;
	}
	text[used] = '\0';
	// A pack of parameters, or a comma that parts no arguments.
	return class_name_key(argument == n ? text : type->name);
}

static uint64_t key_hash(const char *key)
{
	return hash_bytes(key, strlen(key));
}

/* Whether a type is the better one for a class: of its module, then complete, then the larger one. */
static bool is_better(const struct type_table *table, const struct vtable_class *class, type_id id, type_id than)
{
	if (than == TYPE_NONE)
		return true;
	const struct type *a = type_at(table, id), *b = type_at(table, than);
	if ((a->module == class->module) != (b->module == class->module))
		return a->module == class->module;
	return a->size > b->size;
}

type_id *class_types_find(const struct type_table *table, const struct vtables *vtables)
{
	size_t n = vtables->classes.n;
	type_id *types = xcalloc(n + 1, sizeof(*types)), *local = xcalloc(n + 1, sizeof(*local));
	uint32_t *next = xcalloc(n + 1, sizeof(*next)), *next_local = xcalloc(n + 1, sizeof(*next_local));
	struct hash_map by_key = {0}, by_local = {0};

	// Classes by key, those of one key in a chain; and by the name they have in their function.
	for (uint32_t i = 0; i < n; i++) {
		const char *name = vtables->classes.v[i].name, *inner = name_in_function(name);
		_cleanup_free_ char *key = class_name_key(name);

		types[i] = local[i] = TYPE_NONE;
		next[i] = hash_map_get(&by_key, key_hash(key));
		hash_map_set(&by_key, key_hash(key), i);
		next_local[i] = UINT32_MAX;
		if (inner != name) {
			_cleanup_free_ char *inner_key = class_name_key(inner);

			next_local[i] = hash_map_get(&by_local, key_hash(inner_key));
			hash_map_set(&by_local, key_hash(inner_key), i);
		}
	}
	for (type_id id = 0; n > 0 && id < table->v.n; id++) {
		const struct type *type = type_at(table, id);

		if (!type_is_aggregate(table, id) || !(type->flags & TYPE_IS_CLASSY) || (type->flags & (TYPE_IS_DECLARATION | TYPE_IS_RUST)) || type->size < 8)
			continue;
		_cleanup_free_ char *key = type_key(table, type);
		for (uint32_t i = hash_map_get(&by_key, key_hash(key)); i != UINT32_MAX; i = next[i]) {
			if (is_better(table, &vtables->classes.v[i], id, types[i]))
				types[i] = id;
		}
		for (uint32_t i = hash_map_get(&by_local, key_hash(key)); i != UINT32_MAX; i = next_local[i]) {
			// Other functions may have one of that name.
			if (type->flags & TYPE_HAS_VPTR || type->n)
				local[i] = local[i] == TYPE_NONE ? id : 0;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (types[i] == TYPE_NONE && local[i] != 0)
			types[i] = local[i];
	}
	hash_map_deinit(&by_key);
	hash_map_deinit(&by_local);
	free(next);
	free(next_local);
	free(local);
	return types;
}
