/* SPDX-License-Identifier: MIT */
#include "types/gobjects.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "graph/edges.h"
#include "target/image.h"
#include "types/glib_structs.h"
#include "types/type_index.h"

enum {
	WORD = 8,
	/** Words of a TypeNode that are looked at, and of its data. */
	NODE_WORDS = 48,
	DATA_WORDS = 24,
	/** Where supers may begin, and the number of the name (in units of 4 bytes). Units: words. */
	SUPERS_MIN = 4,
	SUPERS_MAX = 16,
	/** Ids of fundamental types are below. Units: as they stand in memory. */
	FUNDAMENTALS_END = 256 << 2,
	/** A class begins with its type; an object has a class and, unlike plain instances, a count and data. Units: bytes. */
	INSTANCE_MIN = 8,
	CLASSES_MAX = 1 << 16,
	NAME_MAX_LENGTH = 256,
	/** The list of quarks: room for so many at first, and how many at least. */
	QUARKS_BLOCK = 2048,
	QUARKS_MIN = 8,
	/** Bytes that malloc may give besides. */
	ROUNDING = 16,
	PAGE = 4096,
	/** From the end of a page of slices: where its SlabInfo is. Pages are powers of two, and so aligned; malloc gives somewhat less or more. Units: bytes. */
	SLAB_INFO = 48,
	SLAB_MIN = 128,
	SLAB_MAX = 1 << 16,
	SLAB_PADDING = 24,
};

struct class {
	chunk_id node, data, class;
	/** Of the objects; and of what lies in front of them, that of all parents with it. Units: bytes. */
	uint32_t instance_size, private_size;
	/** Index in classes of its parent; UINT32_MAX for none. */
	uint32_t parent;
	/** Address of the parent's node; 0 when that is fundamental. */
	vaddr parent_node;
	/** Candidates for the number of its name, by their place in the node. */
	uint32_t numbers[2 * SUPERS_MAX];
	/** Owned. */
	char *name;
	/** Of the object without, and of the whole chunk with what lies in front; TYPE_NONE where it is not known. */
	type_id instance, whole;
};

struct finder {
	const struct image *image;
	const struct chunks *chunks;
	const struct edges *edges;
	struct type_table *table;
	struct gobjects *found;
	ARRAY(struct class) classes;
	/** Index in classes, by chunk of the node, and of the class. */
	struct hash_map by_node, by_class;
	/** The list of quarks, and how many it has room for. */
	chunk_id quarks;
	uint64_t n_quarks;
};

/* The chunk in use that begins at an address; CHUNK_NONE when none does. */
static chunk_id chunk_at(const struct finder *finder, vaddr address)
{
	chunk_id chunk;

	if (address % WORD || address < PAGE || address >= CHUNK_MEM_END || !chunks_may_hold(finder->chunks, address))
		return CHUNK_NONE;
	chunk = chunks_find(finder->chunks, address);
	return chunk != CHUNK_NONE && finder->chunks->mem[chunk] == address && finder->chunks->state[chunk] == CHUNK_IN_USE ? chunk : CHUNK_NONE;
}

/* The first words of a chunk; gives how many. */
static size_t words_of(const struct finder *finder, chunk_id chunk, uint64_t *words, size_t max)
{
	size_t n = chunk_usable(finder->chunks, chunk) / WORD;

	n = n < max ? n : max;
	return image_get(finder->image, finder->chunks->mem[chunk], words, n * WORD) ? n : 0;
}

/* ---- names ---- */

static bool is_name(const char *name)
{
	static const char others[] = "_-+";

	for (const char *at = name; *at; at++) {
		bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';

		if (!is_letter && (at == name || !((*at >= '0' && *at <= '9') || strchr(others, *at))))
			return false;
	}
	return strlen(name) >= 3;
}

/* The text of a quark; NULL when it has none. Owner: the caller. */
static char *quark_text(const struct finder *finder, uint32_t quark)
{
	uint64_t address;

	if (quark == 0 || quark >= finder->n_quarks || !image_get_word(finder->image, finder->chunks->mem[finder->quarks] + quark * (uint64_t)WORD, &address) || address < PAGE)
		return NULL;
	return image_get_string(finder->image, address, NAME_MAX_LENGTH);
}

/* The list of quarks: an array of texts that begins with NULL. Chunks of its size are few. */
static bool quarks_find(struct finder *finder)
{
	for (chunk_id chunk = 0; chunk < finder->chunks->n; chunk++) {
		uint64_t usable = chunk_usable(finder->chunks, chunk), words[1 + QUARKS_MIN];
		size_t i = 1;

		// It grows by blocks, of whose strings the list before is never freed: the longest is the one at hand.
		if (usable < QUARKS_BLOCK * WORD || usable % (QUARKS_BLOCK * WORD) > 2 * PAGE || finder->chunks->state[chunk] != CHUNK_IN_USE ||
		    usable / WORD <= finder->n_quarks || words_of(finder, chunk, words, 1 + QUARKS_MIN) <= QUARKS_MIN || words[0])
			continue;
		for (; i <= QUARKS_MIN; i++) {
			_cleanup_free_ char *text = words[i] < PAGE ? NULL : image_get_string(finder->image, words[i], NAME_MAX_LENGTH);

			if (!text || strlen(text) < 2)
				break;
		}
		if (i <= QUARKS_MIN)
			continue;
		finder->quarks = chunk;
		finder->n_quarks = usable / WORD;
	}
	return finder->n_quarks > 0;
}

/* Gives the classes their names: by the number that is at the same place in all nodes, and of all a name. False when there is no such place. */
static bool classes_name(struct finder *finder)
{
	// In front of supers come six words; where there is more than one place, that one.
	for (size_t place = 2 * SUPERS_MAX; place-- > 0;) {
		struct hash_map seen = {0};
		size_t i = 0;

		for (; i < finder->classes.n; i++) {
			struct class *class = &finder->classes.v[i];
			uint64_t hash = hash_mix(7, class->numbers[place]);

			free(class->name);
			class->name = quark_text(finder, class->numbers[place]);
			if (!class->name || !is_name(class->name) || hash_map_get(&seen, hash) != UINT32_MAX)
				break;
			hash_map_set(&seen, hash, 1);
		}
		hash_map_deinit(&seen);
		if (i == finder->classes.n)
			return true;
	}
	return false;
}

/* ---- classes ---- */

/* Where the row of supers begins in a node; 0 when it is none. */
static size_t node_supers(const struct finder *finder, vaddr node, const uint64_t *words, size_t n)
{
	for (size_t supers = SUPERS_MIN; supers <= SUPERS_MAX && supers + 2 < n; supers++) {
		size_t last = supers;

		if (words[supers] != node)
			continue;
		while (last < n && chunk_at(finder, words[last]) != CHUNK_NONE)
			last++;
		if (last + 1 < n && words[last] && words[last] < FUNDAMENTALS_END && words[last] % 4 == 0 && words[last + 1] == 0)
			return supers;
	}
	return 0;
}

/* Finds in the data of a node the class, and behind it the sizes. */
static bool data_read(const struct finder *finder, chunk_id data, vaddr class_mem, struct class *class)
{
	uint64_t words[DATA_WORDS];
	size_t n = words_of(finder, data, words, DATA_WORDS);

	for (size_t i = 2; i + 1 < n; i++) {
		if (words[i] != class_mem)
			continue;
		class->instance_size = (uint32_t)(words[i + 1] & UINT16_MAX);
		class->private_size = (uint32_t)(words[i + 1] >> 16 & UINT16_MAX);
		return class->instance_size >= INSTANCE_MIN && class->private_size % WORD == 0;
	}
	return false;
}

/* Takes a chunk whose first word may be the type of a class. */
static void class_take(struct finder *finder, chunk_id chunk, vaddr node_mem)
{
	struct class class = {.node = chunk_at(finder, node_mem), .class = chunk, .parent = UINT32_MAX, .instance = TYPE_NONE, .whole = TYPE_NONE};
	uint64_t words[NODE_WORDS];
	size_t n, supers;

	if (class.node == CHUNK_NONE || class.node == chunk || hash_map_get(&finder->by_node, hash_mix(1, class.node)) != UINT32_MAX)
		return;
	n = words_of(finder, class.node, words, NODE_WORDS);
	supers = node_supers(finder, node_mem, words, n);
	if (!supers)
		return;
	for (size_t i = 0; i < supers; i++) {
		class.data = chunk_at(finder, words[i]);
		if (class.data != CHUNK_NONE && data_read(finder, class.data, finder->chunks->mem[chunk], &class))
			break;
		class.data = CHUNK_NONE;
	}
	if (class.data == CHUNK_NONE)
		return;
	class.parent_node = words[supers + 1] >= FUNDAMENTALS_END ? words[supers + 1] : 0;
	// The places are counted back from supers, so that they are the same in nodes with more in front.
	for (size_t i = 0; i < 2 * supers && i < 2 * SUPERS_MAX; i++) {
		uint64_t word = words[supers - 1 - i / 2];

		class.numbers[2 * SUPERS_MAX - 1 - i] = (uint32_t)(i % 2 ? word : word >> 32);
	}
	hash_map_set(&finder->by_node, hash_mix(1, class.node), (uint32_t)finder->classes.n);
	hash_map_set(&finder->by_class, hash_mix(2, chunk), (uint32_t)finder->classes.n);
	array_append(&finder->classes, class);
}

static void classes_find(struct finder *finder)
{
	for (chunk_id chunk = 0; chunk < finder->chunks->n && finder->classes.n < CLASSES_MAX; chunk++) {
		uint64_t word;

		// A class has its type in front, and so much is behind it.
		if (finder->chunks->state[chunk] == CHUNK_IN_USE && image_get_word(finder->image, finder->chunks->mem[chunk], &word) && word > FUNDAMENTALS_END &&
		    word % WORD == 0)
			class_take(finder, chunk, word);
	}
	for (size_t i = 0; i < finder->classes.n; i++) {
		chunk_id parent = chunk_at(finder, finder->classes.v[i].parent_node);

		if (parent != CHUNK_NONE)
			finder->classes.v[i].parent = hash_map_get(&finder->by_node, hash_mix(1, parent));
	}
}

/* ---- types ---- */

static type_id type_make(struct type_table *table, const char *name, uint64_t size)
{
	array_append(&table->v, (struct type){.name = type_index_text(table->index, name, strlen(name)),
					      .size = size,
					      .target = TYPE_NONE,
					      .kind = TYPE_STRUCT,
					      .flags = TYPE_HAS_TYPEDEF_NAME});
	return (type_id)table->v.n - 1;
}

/* The struct of debug information with a name, if it is no larger. */
static type_id struct_within(struct type_table *table, const char *name, uint64_t size)
{
	type_id id = glib_struct_named(table, name);

	return id != TYPE_NONE && type_at(table, id)->size && type_at(table, id)->size <= size ? id : TYPE_NONE;
}

static uint32_t private_above(const struct finder *finder, const struct class *class)
{
	return class->parent == UINT32_MAX ? 0 : finder->classes.v[class->parent].private_size;
}

static void member_add(struct type_table *table, type_id whole, const char *name, uint64_t offset, type_id type)
{
	array_append(&table->members, (struct type_member){.name = name, .offset = offset, .type = type, .kind = MEMBER_FIELD});
	table->v.v[whole].n++;
}

/* The type of what a class allocates: the object, with the private data of its class and of those above in front. */
static void class_type(struct finder *finder, struct class *class)
{
	enum { PARENTS_MAX = 64 };
	struct type_table *table = finder->table;
	const struct class *above = class;

	class->instance = struct_within(table, class->name, class->instance_size);
	if (class->instance != TYPE_NONE && type_at(table, class->instance)->size < class->instance_size)
		class->instance = TYPE_NONE;
	if (!class->private_size && class->instance != TYPE_NONE) {
		class->whole = class->instance;
		return;
	}
	class->whole = type_make(table, class->name, (uint64_t)class->private_size + class->instance_size);
	if (table->members.n + PARENTS_MAX > TYPE_MEMBERS_MAX)
		return;
	table->v.v[class->whole].first = (uint32_t)table->members.n;
	for (unsigned i = 0; i < PARENTS_MAX - 1 && above; i++) {
		_cleanup_free_ char *name = xasprintf("%sPrivate", above->name);
		type_id own = above->private_size > private_above(finder, above) ?
				      struct_within(table, name, above->private_size - private_above(finder, above)) :
				      TYPE_NONE;

		if (own != TYPE_NONE && above->private_size <= class->private_size)
			member_add(table, class->whole, type_index_text(table->index, name, strlen(name)), class->private_size - above->private_size, own);
		above = above->parent == UINT32_MAX ? NULL : &finder->classes.v[above->parent];
	}
	// What it is, or as much of it as debug information has: that of a parent.
	type_id instance = class->instance;
	above = class;
	for (unsigned i = 0; i < PARENTS_MAX && above && instance == TYPE_NONE; i++) {
		instance = struct_within(table, above->name, class->instance_size);
		above = above->parent == UINT32_MAX ? NULL : &finder->classes.v[above->parent];
	}
	if (instance == TYPE_NONE)
		instance = struct_within(table, "GObject", class->instance_size);
	if (instance != TYPE_NONE)
		member_add(table, class->whole, "instance", class->private_size, instance);
}

/* ---- objects ---- */

static void object_add(struct finder *finder, chunk_id chunk, type_id type)
{
	array_append(&finder->found->v, (struct gobject){.chunk = chunk, .type = type});
}

static bool fits(const struct finder *finder, chunk_id chunk, uint64_t size)
{
	uint64_t usable = chunk_usable(finder->chunks, chunk);

	return usable >= size && usable - size <= WORD + 2 * ROUNDING;
}

/* Objects, by their pointers to classes. */
static void objects_find(struct finder *finder)
{
	const struct edges *edges = finder->edges;

	for (chunk_id source = 0; source < edges->n_chunks; source++) {
		for (size_t edge = edges->first[source]; edge < edges->first[source + 1]; edge++) {
			uint32_t index = hash_map_get(&finder->by_class, hash_mix(2, edge_to(edges, edge)));
			const struct class *class = index == UINT32_MAX ? NULL : &finder->classes.v[index];

			if (!class || edge_offset(edges, edge) != class->private_size || edge_hit(edges, edge) != HIT_START ||
			    finder->chunks->state[source] != CHUNK_IN_USE || !fits(finder, source, (uint64_t)class->private_size + class->instance_size))
				continue;
			object_add(finder, source, class->whole);
			break;
		}
	}
}

/* The list of quarks is an array of texts. */
static void quarks_add(struct finder *finder)
{
	type_id text = type_named(finder->table, "char");

	if (text == TYPE_NONE)
		return;
	array_append(&finder->table->v, (struct type){.name = "", .size = WORD, .target = text, .kind = TYPE_POINTER});
	array_append(&finder->found->v, (struct gobject){.chunk = finder->quarks, .type = (type_id)finder->table->v.n - 1, .is_array = true});
}

static void classes_add(struct finder *finder)
{
	type_id node = type_make(finder->table, "TypeNode", 0), data = type_make(finder->table, "TypeData", 0);

	for (size_t i = 0; i < finder->classes.n; i++) {
		struct class *class = &finder->classes.v[i];
		_cleanup_free_ char *name = xasprintf("%sClass", class->name);
		type_id type = struct_within(finder->table, name, chunk_usable(finder->chunks, class->class));

		class_type(finder, class);
		if (type == TYPE_NONE || !fits(finder, class->class, type_at(finder->table, type)->size))
			type = type_make(finder->table, name, 0);
		object_add(finder, class->class, type);
		object_add(finder, class->node, node);
		object_add(finder, class->data, data);
	}
}

/* ---- slices ---- */

/* Whether a chunk is a page of slices of a size: its last words link it to others like it, which link back. */
static bool is_slab_of(const struct finder *finder, chunk_id chunk, uint64_t size)
{
	vaddr mem = finder->chunks->mem[chunk], at = mem + size - SLAB_INFO;
	uint64_t info[4], other, usable = chunk_usable(finder->chunks, chunk);

	if (mem % size || size > usable + SLAB_PADDING || usable > size + SLAB_PADDING || !image_get(finder->image, at, info, sizeof(info)))
		return false;
	// Free slices, how many are in use, the next page and the one before.
	if ((info[0] && info[0] - mem >= size) || (uint32_t)info[1] > size / 16 || !info[2] || !info[3])
		return false;
	return image_get_word(finder->image, info[2] + 3 * WORD, &other) && other == at && image_get_word(finder->image, info[3] + 2 * WORD, &other) && other == at;
}

static bool is_slab(const struct finder *finder, chunk_id chunk)
{
	uint64_t size = SLAB_MIN, usable = chunk_usable(finder->chunks, chunk);

	if (finder->chunks->state[chunk] != CHUNK_IN_USE || usable > SLAB_MAX + SLAB_PADDING)
		return false;
	while (size + SLAB_PADDING < usable)
		size *= 2;
	return is_slab_of(finder, chunk, size);
}

static void slabs_find(struct finder *finder)
{
	type_id slab = TYPE_NONE;

	for (chunk_id chunk = 0; chunk < finder->chunks->n; chunk++) {
		if (finder->chunks->mem[chunk] % SLAB_MIN || !is_slab(finder, chunk))
			continue;
		if (slab == TYPE_NONE)
			slab = type_make(finder->table, "GSlice slab", 0);
		object_add(finder, chunk, slab);
	}
}

/* ---- the whole ---- */

static int object_compare(const void *a, const void *b)
{
	const struct gobject *left = a, *right = b;

	return left->chunk < right->chunk ? -1 : left->chunk > right->chunk;
}

static bool is_exported(const struct modules *modules, const char *name)
{
	struct symbol symbol;

	for (size_t i = 0; i < modules->v.n; i++) {
		if (modules->v.v[i].type && symbol_exported(&modules->v.v[i], name, &symbol))
			return true;
	}
	return false;
}

void gobjects_find(const struct modules *modules, const struct image *image, const struct chunks *chunks, const struct edges *edges, struct type_table *table,
		   struct gobjects *ret)
{
	struct finder finder = {.image = image, .chunks = chunks, .edges = edges, .table = table, .found = ret};

	*ret = (struct gobjects){.n_classes = 0};
	if (is_exported(modules, "g_slice_alloc"))
		slabs_find(&finder);
	if (is_exported(modules, "g_type_class_ref") && quarks_find(&finder)) {
		classes_find(&finder);
		if (finder.classes.n && classes_name(&finder)) {
			ret->n_classes = finder.classes.n;
			quarks_add(&finder);
			classes_add(&finder);
			objects_find(&finder);
		}
	}
	if (ret->v.n)
		qsort(ret->v.v, ret->v.n, sizeof(*ret->v.v), object_compare);
	for (size_t i = 0; i < finder.classes.n; i++)
		free(finder.classes.v[i].name);
	array_deinit(&finder.classes);
	hash_map_deinit(&finder.by_node);
	hash_map_deinit(&finder.by_class);
}

void gobjects_deinit(struct gobjects *gobjects)
{
	array_deinit(&gobjects->v);
}
