/* SPDX-License-Identifier: MIT */
#include "types/erasures.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "target/window.h"
#include "types/class_names.h"
#include "types/demangle.h"

enum {
	/** Words that are remembered. */
	WORDS_MAX = 1 << 20,
	VTABLE_NAME_MAX = 4096,
};

/* Functions that know a type, by their demangled names. */
static const struct {
	/** Before the template's arguments, and behind them. */
	const char *before, *behind;
	/** The type is the last argument; else the first. */
	bool is_last;
	/** Where the function's address stands, from the pointer. Units: bytes. */
	int beside;
	/** Smaller ones lie in place of the pointer. Units: bytes. */
	uint64_t size_min;
} functions[] = {
	{"std::_Function_handler<", ">::_M_manager(", true, 16, 17},
	{"std::_Function_base::_Base_manager<", ">::_M_manager(", false, 16, 17},
	{"std::any::_Manager_external<", ">::_S_manage(", false, -8, 0},
	{"std::any::_Manager_internal<", ">::_S_manage(", false, -8, UINT64_MAX},
	{"std::__1::__any_imp::_LargeHandler<", ">::__handle(", false, -8, 0},
	{"std::__1::__any_imp::_SmallHandler<", ">::__handle(", false, -8, UINT64_MAX},
};

/* In what is remembered of a word: the type lies in place. */
#define IN_PLACE (UINT32_C(1) << 31)
_Static_assert(TYPES_MAX <= IN_PLACE, "a type has a bit left");

/* How Rust writes a type that is behind a trait. */
#define DYN "dyn "

/* A pointer to a vtable of Rust follows the pointer. */
enum { RUST_BESIDE = 8 };

/* Where words that speak may stand. */
static const int places[] = {16, -8, 8};

void erasures_init(struct erasures *erasures, struct modules *modules, const struct type_table *table)
{
	*erasures = (struct erasures){.modules = modules, .table = table};
}

void erasures_deinit(struct erasures *erasures)
{
	hash_map_deinit(&erasures->by_word);
	hash_map_deinit(&erasures->by_key);
}

/* ---- types by name ---- */

static uint64_t key_hash(const char *name)
{
	_cleanup_free_ char *key = class_name_key(name);

	return hash_bytes(key, strlen(key));
}

static type_id type_by_name(struct erasures *erasures, const char *name)
{
	const struct type_table *table = erasures->table;
	type_id id = type_strip(table, type_named(table, name));

	if (id != TYPE_NONE && type_is_aggregate(table, id))
		return id;
	for (type_id other = 0; !erasures->has_keys && other < table->v.n; other++) {
		const struct type *type = type_at(table, other);

		if (type_is_aggregate(table, other) && (type->flags & TYPE_IS_CLASSY) && !(type->flags & TYPE_IS_DECLARATION) && *type->name)
			hash_map_set(&erasures->by_key, key_hash(type->name), other);
	}
	erasures->has_keys = true;
	id = hash_map_get(&erasures->by_key, key_hash(name));
	return id == UINT32_MAX ? TYPE_NONE : id;
}

/* ---- names of code ---- */

/* The first or last of the arguments in [start, end). Owner: the caller. */
static char *argument_of(const char *start, const char *end, bool is_last)
{
	unsigned depth = 0;

	for (const char *at = start; at < end; at++) {
		if (*at == '<' || *at == '(' || *at == '[' || *at == '{')
			depth++;
		else if ((*at == '>' && at[-1] != '-') || *at == ')' || *at == ']' || *at == '}')
			depth -= depth > 0;
		else if (*at == ',' && depth == 0) {
			if (!is_last) {
				end = at;
				break;
			}
			start = at + 1;
		}
	}
	while (start < end && *start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	return xstrndup(start, (size_t)(end - start));
}

static type_id function_type(struct erasures *erasures, const char *name, int beside)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		size_t before = strlen(functions[i].before);
		const char *behind;

		if (functions[i].beside != beside || strncmp(name, functions[i].before, before) != 0)
			continue;
		// The last one: the arguments may have such functions, too.
		behind = NULL;
		for (const char *at = name; (at = strstr(at, functions[i].behind)) != NULL; at++)
			behind = at;
		if (!behind || behind < name + before)
			continue;
		_cleanup_free_ char *argument = argument_of(name + before, behind, functions[i].is_last);
		type_id type = type_by_name(erasures, argument);
		if (type == TYPE_NONE)
			return TYPE_NONE;
		return type_at(erasures->table, type)->size >= functions[i].size_min ? type : type | IN_PLACE;
	}
	return TYPE_NONE;
}

static char *symbol_name(struct erasures *erasures, struct module *module, vaddr address)
{
	struct symbol symbol;

	if (!symbol_at(erasures->modules, module, address - module->bias, &symbol) || symbol.value != address - module->bias)
		return NULL;
	return demangle_symbol(symbol.name);
}

/* What is between «<» and « as »: «<rd::Sq as rd::Shape>::{vtable_type}». */
static type_id rust_name_type(struct erasures *erasures, const char *name)
{
	size_t length = strlen(name), depth = 0;

	if (length < 16 || length > VTABLE_NAME_MAX || name[0] != '<' || strcmp(name + length - 15, "::{vtable_type}") != 0)
		return TYPE_NONE;
	for (const char *at = name + 1; *at; at++) {
		if (*at == '<')
			depth++;
		else if (*at == '>' && at[-1] != '-')
			depth -= depth > 0;
		else if (depth == 0 && strncmp(at, " as ", 4) == 0) {
			_cleanup_free_ char *type = xstrndup(name + 1, (size_t)(at - name - 1));

			return type_by_name(erasures, type);
		}
	}
	return TYPE_NONE;
}

/* The variable at an address of a module, as debug information has it; NULL when there is none. */
static const struct type_variable *variable_at(const struct type_table *table, uint32_t module, vaddr start)
{
	size_t low = 0, high = table->variables.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct type_variable *variable = &table->variables.v[middle];

		if (variable->module != module ? variable->module < module :
		    variable->is_thread_local  ? false :
						 variable->start < start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == table->variables.n)
		return NULL;
	const struct type_variable *found = &table->variables.v[low];
	return found->module == module && !found->is_thread_local && found->start == start ? found : NULL;
}

/* What follows «core::ptr::drop_in_place<», as both schemes have it; NULL for another function. */
static const char *rust_dropped(const char *name)
{
	static const char *const drops[] = {"core::ptr::drop_in_place<", "core::ptr::drop_in_place::<"};

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		size_t length = strlen(drops[i]);

		if (strncmp(name, drops[i], length) == 0 && name[strlen(name) - 1] == '>')
			return name + length;
	}
	return NULL;
}

static type_id rust_vtable_type(struct erasures *erasures, struct module *module, vaddr address, struct window *window)
{
	const struct type_variable *variable =
		variable_at(erasures->table, (uint32_t)(module - erasures->modules->v.v), address - module->bias);
	uint64_t words[3];

	if (variable) {
		type_id type = type_strip(erasures->table, variable->type);

		return type == TYPE_NONE ? TYPE_NONE : rust_name_type(erasures, type_at(erasures->table, type)->name);
	}
	// What frees it, its size and its alignment.
	if (!image_get(window->image, address, words, sizeof(words)) || words[1] > UINT32_MAX || words[2] == 0 || words[2] > 4096 ||
	    (words[2] & (words[2] - 1)) || words[0] == 0)
		return TYPE_NONE;
	struct module *code = modules_find(erasures->modules, words[0]);
	_cleanup_free_ char *name = code ? symbol_name(erasures, code, words[0]) : NULL;
	const char *dropped = name ? rust_dropped(name) : NULL;
	if (!dropped)
		return TYPE_NONE;
	_cleanup_free_ char *argument = argument_of(dropped, name + strlen(name) - 1, false);
	type_id type = type_by_name(erasures, argument);
	return type != TYPE_NONE && type_at(erasures->table, type)->size == words[1] ? type : TYPE_NONE;
}

/* ---- asking ---- */

static type_id word_type(struct erasures *erasures, struct window *window, uint64_t word, int beside)
{
	uint64_t hash = hash_mix(hash_mix(UINT64_C(0xe7a5), word), (uint64_t)(int64_t)beside);
	struct module *module = modules_find(erasures->modules, word);
	type_id type = TYPE_NONE;
	uint32_t known;

	if (!module || module->type == 0)
		return TYPE_NONE;
	known = hash_map_get(&erasures->by_word, hash);
	if (known != UINT32_MAX)
		// Void stands for a word that says nothing.
		return known ? known : TYPE_NONE;
	if (beside == RUST_BESIDE) {
		type = rust_vtable_type(erasures, module, word, window);
	} else {
		_cleanup_free_ char *name = symbol_name(erasures, module, word);

		type = name ? function_type(erasures, name, beside) : TYPE_NONE;
	}
	if (erasures->by_word.n < WORDS_MAX)
		hash_map_set(&erasures->by_word, hash, type == TYPE_NONE ? 0 : type);
	return type;
}

/* «alloc::sync::ArcInner<dyn Shape>» with the type in place of what is erased; TYPE_NONE when there is none. */
static type_id type_around(struct erasures *erasures, type_id declared, type_id erased)
{
	const char *name = type_at(erasures->table, declared)->name, *dyn = strstr(name, "<" DYN) + 1;
	_cleanup_free_ char *full =
		xasprintf("%.*s%s>", (int)(dyn - name), name, type_at(erasures->table, erased)->name);

	return type_by_name(erasures, full);
}

/* Whether a type has an erased one inside, as what Rc<dyn Shape> points to does. */
static bool has_erased(const struct erasures *erasures, type_id declared)
{
	const char *name = declared == TYPE_NONE ? "" : type_at(erasures->table, declared)->name;
	size_t length = strlen(name);

	return strstr(name, "<" DYN) && name[length - 1] == '>' && !strchr(strstr(name, DYN), ',');
}

bool erasures_may_tell(const struct erasures *erasures, type_id declared)
{
	return declared == 0 || (declared != TYPE_NONE && type_at(erasures->table, declared)->size == 0) || has_erased(erasures, declared);
}

type_id erasures_target(struct erasures *erasures, struct window *window, vaddr address, type_id declared, bool *in_place_ret)
{
	uint64_t word;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!window_word(window, address + (uint64_t)(int64_t)places[i], &word) || word < 4096)
			continue;
		type_id type = word_type(erasures, window, word, places[i]);
		if (type == TYPE_NONE)
			continue;
		*in_place_ret = type & IN_PLACE;
		type &= ~IN_PLACE;
		return has_erased(erasures, declared) ? type_around(erasures, declared, type) : type;
	}
	return TYPE_NONE;
}
