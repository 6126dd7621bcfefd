/* SPDX-License-Identifier: MIT */
/*
 * A scan over the data of the modules for pairs (offset to top, type information), and then the symbols for what has none.
 *
 * Vtables hold addresses, so in what is loaded anywhere (a library, a position-independent program) they lie where the
 * loader relocates: in writable segments, read-only afterwards. Only a program that is linked to a fixed address has them in any segment.
 *
 * The pair is common by chance (zero, and an address in some module), so the second word is judged by what is there, once for each
 * address, and the verdict kept: it is type information if its vtable is one of three; and a vtable is one of these three if *its* type information
 * bears one of three names. No symbol is involved, and a lie would have to be consistent.
 */
#include "types/vtables.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "target/image.h"
#include "types/demangle.h"

enum {
	WORD = 8,
	/** Of a vtable, in front of the address point. */
	HEAD = 2 * WORD,
	/** A class is not larger. Units: bytes. */
	TOP_MAX = 1 << 24,
	/** Data is read in pieces. Units: bytes. */
	PIECE = 1 << 16,
	PAGE = 4096,
	/** Of the memory behind a segment's file, where copies of a library's vtables lie, as much is looked at. Units: bytes. */
	BSS_MAX = 16 << 20,
	/** Of a vtable symbol. Units: bytes. */
	SYMBOL_MAX = 1 << 20,
	VTABLES_MAX = 4 << 20,
	CLASSES_MAX = 1 << 20,
	/** All names together. Units: bytes. */
	NAMES_MAX = 256 << 20,
	/** Distinct words that are judged to be type information or not. */
	VERDICTS_MAX = 1 << 20,
};

#define DATA_MAX (UINT64_C(1) << 30)
#define NO_CLASS UINT32_MAX

/* An open hash of address to number; address 0 is an empty slot. */
struct verdicts {
	struct verdict {
		vaddr address;
		uint32_t value;
	} *slots;
	size_t n, capacity;
};

struct builder {
	struct vtables *vtables;
	struct modules *modules;
	const struct image *image;
	/** The module at work, and where its code is. */
	struct module *module;
	uint32_t module_index;
	/** Type information to class, or NO_CLASS; vtables of type information to whether they are (1) or not (0). */
	struct verdicts type_informations, kinds;
	/** Mangled names of classes: index + 1, by hash. */
	uint32_t *names;
	size_t n_names;
	size_t names_size;
	/** How many bytes of data may still be read. */
	uint64_t data_left;
};

static uint64_t hash_of(uint64_t number)
{
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 29;
}

/* The slot of an address: its own, or the empty one where it would go. */
static struct verdict *verdict_slot(const struct verdicts *verdicts, vaddr address)
{
	size_t at = hash_of(address) & (verdicts->capacity - 1);

	while (verdicts->slots[at].address && verdicts->slots[at].address != address)
		at = (at + 1) & (verdicts->capacity - 1);
	return &verdicts->slots[at];
}

static bool verdict_get(const struct verdicts *verdicts, vaddr address, uint32_t *ret)
{
	if (!verdicts->capacity)
		return false;
	const struct verdict *slot = verdict_slot(verdicts, address);
	*ret = slot->value;
	return slot->address != 0;
}

static void verdict_put(struct verdicts *verdicts, vaddr address, uint32_t value)
{
	if (verdicts->n >= VERDICTS_MAX)
		return;
	if (2 * verdicts->n >= verdicts->capacity) {
		struct verdicts larger = {.capacity = verdicts->capacity ? 2 * verdicts->capacity : 1024, .n = verdicts->n};

		larger.slots = xcalloc(larger.capacity, sizeof(*larger.slots));
		for (size_t i = 0; i < verdicts->capacity; i++) {
			if (verdicts->slots[i].address)
				*verdict_slot(&larger, verdicts->slots[i].address) = verdicts->slots[i];
		}
		free(verdicts->slots);
		*verdicts = larger;
	}
	struct verdict *slot = verdict_slot(verdicts, address);
	verdicts->n += !slot->address;
	*slot = (struct verdict){.address = address, .value = value};
}

/* ---- classes ---- */

static bool is_printable(const char *name)
{
	for (const char *at = name; *at; at++) {
		if (*at <= 0x20 || *at > 0x7e)
			return false;
	}
	return *name != '\0';
}

/* A class of this name in another module is another class. */
static bool is_internal(const char *mangled)
{
	return mangled[0] == '*' || strstr(mangled, "_GLOBAL__N_");
}

static uint32_t name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

static void names_grow(struct builder *builder)
{
	const struct vtables *vtables = builder->vtables;

	builder->n_names = builder->n_names ? 2 * builder->n_names : 1024;
	free(builder->names);
	builder->names = xcalloc(builder->n_names, sizeof(*builder->names));
	for (size_t i = 0; i < vtables->classes.n; i++) {
		size_t at = name_hash(vtables->classes.v[i].mangled) & (builder->n_names - 1);

		while (builder->names[at])
			at = (at + 1) & (builder->n_names - 1);
		builder->names[at] = (uint32_t)i + 1;
	}
}

/* The class of a mangled name, made where it is new; NO_CLASS when there are too many. The type information is 0 when not known. Takes the name. */
static uint32_t class_named(struct builder *builder, char *mangled_taken, vaddr type_information)
{
	_cleanup_free_ char *mangled = mangled_taken;
	struct vtables *vtables = builder->vtables;
	bool internal = is_internal(mangled);
	size_t at, length;

	if (2 * vtables->classes.n >= builder->n_names)
		names_grow(builder);
	memmove(mangled, mangled + (mangled[0] == '*'), strlen(mangled) + !(mangled[0] == '*'));
	for (at = name_hash(mangled) & (builder->n_names - 1); builder->names[at]; at = (at + 1) & (builder->n_names - 1)) {
		const struct vtable_class *class = &vtables->classes.v[builder->names[at] - 1];

		if (strcmp(class->mangled, mangled) == 0 && (!internal || class->module == builder->module_index))
			return builder->names[at] - 1;
	}
	length = strlen(mangled);
	if (vtables->classes.n >= CLASSES_MAX || builder->names_size + length > NAMES_MAX) {
		vtables->refused++;
		return NO_CLASS;
	}
	char *name = demangle_type(mangled);
	builder->names_size += length + (name ? strlen(name) : length);
	array_append(&vtables->classes, (struct vtable_class){
						.name = name ? name : xstrdup(mangled),
						.mangled = take_pointer(mangled),
						.module = builder->module_index,
						.type_information = type_information,
						.is_demangled = name != NULL,
					});
	builder->names[at] = (uint32_t)vtables->classes.n;
	return builder->names[at] - 1;
}

/* ---- type information ---- */

/* Whether an address is that of the vtable of one of the three kinds of type information that classes have. */
static bool is_class_kind(struct builder *builder, vaddr address)
{
	static const char *const names[] = {
		"N10__cxxabiv117__class_type_infoE",
		"N10__cxxabiv120__si_class_type_infoE",
		"N10__cxxabiv121__vmi_class_type_infoE",
	};
	uint64_t head[2], own[2];
	uint32_t known;
	bool is_kind = false;

	if (address % WORD || address < HEAD)
		return false;
	if (verdict_get(&builder->kinds, address, &known))
		return known;
	if (image_get(builder->image, address - HEAD, head, sizeof(head)) && head[0] == 0 && head[1] % WORD == 0 &&
	    image_get(builder->image, head[1], own, sizeof(own))) {
		_cleanup_free_ char *name = image_get_string(builder->image, own[1], 64);

		for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
			is_kind |= strcmp(name, names[i]) == 0;
	}
	verdict_put(&builder->kinds, address, is_kind);
	return is_kind;
}

/* The class whose type information lies at an address, NO_CLASS when none does. */
static uint32_t type_information_class(struct builder *builder, vaddr address)
{
	uint64_t words[2];
	uint32_t class;

	if (verdict_get(&builder->type_informations, address, &class))
		return class;
	class = NO_CLASS;
	// Most are refused here, by a word that is no address in a module.
	if (image_get(builder->image, address, words, sizeof(words)) && words[0] % WORD == 0 && words[0] &&
	    modules_find(builder->modules, words[0]) && is_class_kind(builder, words[0])) {
		char *mangled = image_get_string(builder->image, words[1], MANGLED_MAX);

		if (mangled && is_printable(mangled)) {
			class = class_named(builder, mangled, address);
		} else {
			builder->vtables->refused += !mangled;
			free(mangled);
		}
	}
	verdict_put(&builder->type_informations, address, class);
	return class;
}

/* ---- the scan ---- */

static void vtable_add(struct builder *builder, vaddr address_point, uint32_t class, uint64_t top)
{
	struct vtables *vtables = builder->vtables;

	if (vtables->v.n >= VTABLES_MAX) {
		vtables->refused++;
		return;
	}
	array_append(&vtables->v, (struct vtable){.address_point = address_point, .class = class, .offset = (uint32_t)(0 - top)});
}

static bool is_top(uint64_t word)
{
	return 0 - word <= TOP_MAX;
}

/* Pairs that begin in the first size bytes, of which there are HEAD more. */
static void piece_scan(struct builder *builder, vaddr start, const uint8_t *bytes, size_t size)
{
	const struct module *last = builder->module;
	uint64_t words[2];

	for (size_t at = 0; at < size; at += WORD) {
		memcpy(words, bytes + at, sizeof(words));
		if (!is_top(words[0]) || words[1] % WORD || words[1] < PAGE)
			continue;
		if (words[1] < last->start || words[1] >= last->end) {
			const struct module *module = modules_find(builder->modules, words[1]);

			if (!module)
				continue;
			last = module;
		}
		uint32_t class = type_information_class(builder, words[1]);
		if (class != NO_CLASS)
			vtable_add(builder, start + at + HEAD, class, words[0]);
	}
}

static void range_scan(struct builder *builder, vaddr start, vaddr end)
{
	uint8_t copy[PIECE + HEAD];

	start = (start + WORD - 1) & ~(vaddr)(WORD - 1);
	for (vaddr at = start; at < end && end - at >= HEAD && builder->data_left > 0;) {
		size_t size = end - at < PIECE ? (size_t)(end - at) & ~(size_t)(WORD - 1) : PIECE;
		// The second word of the last pair lies behind the piece.
		size_t more = end - at - size >= HEAD ? HEAD : 0;
		const uint8_t *bytes = image_view(builder->image, at, size + more);

		if (!bytes && image_get(builder->image, at, copy, size + more))
			bytes = copy;
		if (!bytes) {
			// A page that is not there.
			size = PAGE - (size_t)(at % PAGE) < size ? PAGE - (size_t)(at % PAGE) : size;
			more = 0;
			if (image_get(builder->image, at, copy, size))
				bytes = copy;
		}
		if (bytes)
			piece_scan(builder, at, bytes, more ? size : size - WORD);
		builder->data_left -= size < builder->data_left ? size : builder->data_left;
		at += size;
	}
}

static bool module_is_fixed(const struct module *module)
{
	return module->type == ET_EXEC;
}

static void module_scan(struct builder *builder)
{
	const struct module *module = builder->module;

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];
		uint64_t size = segment->end - segment->start;

		if (!(segment->flags & PF_W) && !module_is_fixed(module))
			continue;
		if (size > segment->file_size && size - segment->file_size > BSS_MAX)
			size = segment->file_size + BSS_MAX;
		range_scan(builder, module->bias + segment->start, module->bias + segment->start + size);
	}
}

/* ---- symbols ---- */

static bool has_vtable(const struct builder *builder, vaddr start, vaddr end)
{
	const struct vtables *vtables = builder->vtables;
	size_t low = 0, high = vtables->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (vtables->v.v[middle].address_point < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < vtables->v.n && vtables->v.v[low].address_point < end;
}

static bool is_code(const struct builder *builder, vaddr address)
{
	struct module *module = modules_find(builder->modules, address);

	for (size_t i = 0; module && i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if ((segment->flags & PF_X) && address - module->bias - segment->start < segment->end - segment->start)
			return true;
	}
	return false;
}

/* What one symbol without type information names. */
struct untyped {
	ARRAY(struct vtable) found;
	struct builder *builder;
};

static bool symbol_visit(const struct symbol *symbol, void *context)
{
	struct untyped *untyped = context;
	struct builder *builder = untyped->builder;
	vaddr start = builder->module->bias + symbol->value;
	uint32_t class = NO_CLASS;
	bool is_first = true;

	// The address point of a class without virtual functions is the end of its vtable.
	if (symbol->size < HEAD || symbol->size > SYMBOL_MAX || symbol->size % WORD || start % WORD || strlen(symbol->name) > MANGLED_MAX ||
	    !is_printable(symbol->name + 4) || has_vtable(builder, start + HEAD, start + symbol->size + 1))
		return true;
	_cleanup_free_ uint64_t *words = xmalloc(symbol->size);
	size_t n = (size_t)symbol->size / WORD;
	if (!image_get(builder->image, start, words, symbol->size))
		n = 0;
	for (size_t i = 0; i + 2 <= n; i++) {
		// Behind it stands a function; or nothing, where the class has none and only a virtual base made it have a vtable.
		bool is_pair = is_top(words[i]) && words[i + 1] == 0 && (i + 2 < n ? is_code(builder, words[i + 2]) : is_first);

		// The first pair is that of the whole object, the others are not.
		if (!is_pair || (words[i] == 0) != is_first)
			continue;
		if (class == NO_CLASS)
			class = class_named(builder, xstrdup(symbol->name + 4), 0);
		if (class == NO_CLASS)
			return true;
		array_append(&untyped->found, (struct vtable){
						      .address_point = start + (i + 2) * WORD,
						      .class = class,
						      .offset = (uint32_t)(0 - words[i]),
					      });
		is_first = false;
		if (untyped->found.n + builder->vtables->v.n >= VTABLES_MAX)
			return false;
	}
	return true;
}

static int vtable_compare(const void *a, const void *b)
{
	const struct vtable *left = a, *right = b;

	if (left->address_point != right->address_point)
		return left->address_point < right->address_point ? -1 : 1;
	return left->class < right->class ? -1 : left->class > right->class;
}

static void vtables_sort(struct vtables *vtables)
{
	size_t kept = 0;

	if (vtables->v.n == 0)
		return;
	qsort(vtables->v.v, vtables->v.n, sizeof(*vtables->v.v), vtable_compare);
	for (size_t i = 0; i < vtables->v.n; i++) {
		if (kept == 0 || vtables->v.v[kept - 1].address_point != vtables->v.v[i].address_point)
			vtables->v.v[kept++] = vtables->v.v[i];
	}
	vtables->v.n = kept;
}

/* Whether a module may have classes: it has found ones, or needs a C++ runtime, or nothing (a static program). */
static bool module_is_cxx(const struct builder *builder, uint32_t index)
{
	const struct module *module = &builder->modules->v.v[index];
	const struct vtables *vtables = builder->vtables;

	if (module->type == 0)
		return false;
	if (module->dynamic_size == 0)
		return true;
	for (size_t nth = 0;; nth++) {
		_cleanup_free_ char *needed = module_string(module, DT_NEEDED, nth);

		if (!needed)
			break;
		if (strstr(needed, "libstdc++") || strstr(needed, "libc++"))
			return true;
	}
	for (size_t i = 0; i < vtables->classes.n; i++) {
		if (vtables->classes.v[i].module == index)
			return true;
	}
	return false;
}

/* ---- the whole ---- */

static void vtables_index(struct vtables *vtables)
{
	vtables->n_slots = 16;
	while (vtables->n_slots < 2 * vtables->v.n)
		vtables->n_slots *= 2;
	vtables->slots = xcalloc(vtables->n_slots, sizeof(*vtables->slots));
	for (size_t i = 0; i < vtables->v.n; i++) {
		vaddr address_point = vtables->v.v[i].address_point;
		uint64_t page = address_point >> VTABLE_PAGE_SHIFT & (VTABLE_PAGES - 1);
		size_t at = hash_of(address_point) & (vtables->n_slots - 1);

		vtables->pages[page / 64] |= UINT64_C(1) << page % 64;
		while (vtables->slots[at])
			at = (at + 1) & (vtables->n_slots - 1);
		vtables->slots[at] = (uint32_t)i + 1;
	}
}

void vtables_build(struct modules *modules, const struct image *image, struct vtables *ret)
{
	*ret = (struct vtables){0};

	struct builder builder = {.vtables = ret, .modules = modules, .image = image, .data_left = DATA_MAX};
	for (size_t i = 0; i < modules->v.n; i++) {
		builder.module = &modules->v.v[i];
		builder.module_index = (uint32_t)i;
		if (builder.module->type != 0)
			module_scan(&builder);
	}
	vtables_sort(ret);

	struct untyped untyped = {.builder = &builder};
	for (size_t i = 0; i < modules->v.n; i++) {
		builder.module = &modules->v.v[i];
		builder.module_index = (uint32_t)i;
		if (module_is_cxx(&builder, (uint32_t)i))
			symbols_prefixed(modules, builder.module, "_ZTV", symbol_visit, &untyped);
	}
	for (size_t i = 0; i < untyped.found.n; i++)
		array_append(&ret->v, untyped.found.v[i]);
	array_deinit(&untyped.found);
	vtables_sort(ret);
	vtables_index(ret);
	free(builder.type_informations.slots);
	free(builder.kinds.slots);
	free(builder.names);
}

void vtables_deinit(struct vtables *vtables)
{
	for (size_t i = 0; i < vtables->classes.n; i++) {
		free(vtables->classes.v[i].name);
		free(vtables->classes.v[i].mangled);
	}
	array_deinit(&vtables->classes);
	array_deinit(&vtables->v);
	free(vtables->slots);
	vtables->slots = NULL;
	vtables->n_slots = 0;
}

const struct vtable *vtables_look(const struct vtables *vtables, uint64_t word)
{
	for (size_t at = hash_of(word) & (vtables->n_slots - 1);; at = (at + 1) & (vtables->n_slots - 1)) {
		uint32_t index = vtables->slots[at];

		if (!index)
			return NULL;
		if (vtables->v.v[index - 1].address_point == word)
			return &vtables->v.v[index - 1];
	}
}
