/* SPDX-License-Identifier: MIT */
/*
 * The walk over the objects of one CPython, shared by its chapters. Private to cpython/.
 *
 *   runtime_find      `_PyRuntime`, its interpreters and threads, and whether the layout fits           → runtime
 *   obmalloc_find     the allocator's state, by its structure;  obmalloc_walk: arenas, pools, blocks    → blocks
 *   py_types_…        which addresses are types, and what they are called                               → types
 *   objects_classify  what each chunk is;  tables_claim: what objects own                               → role, type
 *
 * Nothing here trusts a word of the image: a pointer is looked up before it is followed, and every list and table is bounded by the memory it could lie in.
 */
#ifndef HEAPSNAP_CPYTHON_WALK_H
#define HEAPSNAP_CPYTHON_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "cpython/layouts.h"
#include "cpython/python.h"
#include "debug/modules.h"
#include "heap/heap.h"
#include "target/target.h"
#include "target/window.h"

/** What the interpreter does with objects of a type, as far as references and sizes are concerned: that of the nearest base that has a way of its own. */
enum py_kind {
	KIND_PLAIN,
	KIND_INT,
	KIND_FLOAT,
	KIND_STR,
	KIND_BYTES,
	KIND_BYTEARRAY,
	KIND_LIST,
	KIND_TUPLE,
	KIND_DICT,
	KIND_ORDERED_DICT,
	KIND_SET,
	KIND_DEQUE,
	KIND_TYPE,
	KIND_FUNCTION,
	KIND_MODULE,
	KIND_CODE,
	KIND_FRAME,
	KIND_GENERATOR,
	KIND_WEAKREF,
	KIND_CELL,
	KIND_METHOD,
	KIND_TRACEBACK,
	/** Of an extension, or of the interpreter without a way of its own: its words are looked at as they are. */
	KIND_OTHER,
};

struct py_type {
	vaddr address, base;
	/** Index in python.classes. */
	uint32_t class;
	enum py_kind kind;
	uint32_t basicsize, itemsize;
	uint64_t flags;
	int64_t dictoffset;
	/** Bytes between the start of what an object got and the object. */
	uint8_t lead;
	/** threading.local, or derived from it; what functools.lru_cache() makes. */
	bool is_thread_local, is_lru_cache;
	/** Table of the classes' instances' attributes; 0 when there is none. */
	vaddr cached_keys;
};

/** The books of one pymalloc: an interpreter with a lock of its own has its own. */
struct py_state {
	/** Where its lists of pools begin, and its table of arenas. */
	vaddr used_pools, table;
	uint32_t max_arenas;
	/** Allocations that went on to malloc; UINT64_MAX when unknown. */
	uint64_t raw_blocks;
};

/** A stretch of memory that pymalloc got from the system. */
struct py_arena {
	vaddr address;
	/** Where pools begin, and where those that were never used do. */
	vaddr first, fresh;
	vaddr free_pools;
	uint32_t index, n_free, n_total;
	/** Its own index in heap.arenas is that of its state, counted from the first. */
	uint32_t state;
};

struct py_walk {
	const struct target *target;
	struct modules *modules;
	struct heap *heap;
	struct python *python;
	/** The runtime at hand, and its module. */
	struct py_runtime *runtime;
	struct module *module;
	struct py_layout layout;
	/** Word reads: in the order of rows; and of what they point to. */
	struct window near, far;
	vaddr runtime_address;
	ARRAY(vaddr) interpreters;
	ARRAY(struct py_state) states;
	ARRAY(struct py_arena) arenas;
	/** Rows to be: blocks in use, ascending. */
	struct chunks blocks;
	/** Bytes before what the program got, in every block, and in every chunk of malloc: with the debug allocator 16, and 32 where two of them are
	    stacked. */
	uint8_t debug_block, debug_chunk;
	/** Types there are, and a hash table by address: 1 + index in types, or UINT32_MAX for «is none». */
	ARRAY(struct py_type) types;
	struct {
		vaddr address;
		uint32_t type;
	} *slots;
	size_t n_slots, n_used;
	/** PyType_Type. */
	vaddr type_type;
};

static inline bool py_word(struct py_walk *walk, vaddr address, uint64_t *ret)
{
	return window_word(&walk->far, address, ret);
}

/** A number of 4 bytes, 0 when it is absent. */
static inline uint32_t py_u32(struct py_walk *walk, vaddr address)
{
	uint64_t word;

	if (!py_word(walk, address & ~UINT64_C(7), &word))
		return 0;
	return (uint32_t)(word >> (address & 4) * 8);
}

/** A byte, 0 when it is absent. */
static inline uint8_t py_u8(struct py_walk *walk, vaddr address)
{
	uint64_t word;

	if (!py_word(walk, address & ~UINT64_C(7), &word))
		return 0;
	return (uint8_t)(word >> (address & 7) * 8);
}

/** A word, 0 when it is absent. */
static inline uint64_t py_at(struct py_walk *walk, vaddr address)
{
	uint64_t word;

	return py_word(walk, address, &word) ? word : 0;
}

/** What the debug allocator put before the memory of a chunk. */
static inline uint8_t debug_lead(const struct py_walk *walk, chunk_id chunk)
{
	return walk->heap->chunks.kind[chunk] == CHUNK_PYMALLOC ? walk->debug_block : walk->debug_chunk;
}

/** The chunk that the program got at an address; CHUNK_NONE. */
static inline chunk_id chunk_got(const struct py_walk *walk, vaddr address)
{
	chunk_id chunk;

	if (!walk->debug_chunk)
		return chunks_at(&walk->heap->chunks, address);
	chunk = chunks_find(&walk->heap->chunks, address);
	return chunk != CHUNK_NONE && address - walk->heap->chunks.mem[chunk] == debug_lead(walk, chunk) ? chunk : CHUNK_NONE;
}

/* runtime.c */

/** Finds `_PyRuntime` of walk->module, takes the layout that fits and checks it; false with runtime->why_not when there is none. */
bool runtime_find(struct py_walk *walk);

/** Tells the heap which parts of the stacks of Python's frames are not in use: they keep nothing alive. */
void runtime_read_stacks(struct py_walk *walk);

/** Reads the lists of the collector, for the account. */
void runtime_read_gc(struct py_walk *walk);

/** Reads which modules were imported, when chunks have their roles. */
void runtime_read_modules(struct py_walk *walk);

/* obmalloc.c */

/** Finds the books of pymalloc in the module's data; false when they are not found. */
bool obmalloc_find(struct py_walk *walk);

/** Reads arenas and pools to blocks, and fills the account; findings and checks go to the heap. */
void obmalloc_walk(struct py_walk *walk);

/** Adds the blocks to the heap: rows, sources, an arena and an allocator; seals and sums it again. */
void obmalloc_add(struct py_walk *walk);

/* types.c */

/** Starts the table of types. */
void py_types_init(struct py_walk *walk);

/** Frees it. */
void py_types_deinit(struct py_walk *walk);

/** The type at an address, UINT32_MAX when there is none. Cost: constant after the first time. */
uint32_t py_types_at(struct py_walk *walk, vaddr address);

/** The type of this runtime that a class is; NULL when it is another's. Borrowed: until the next type is met. Cost: constant with one runtime. */
const struct py_type *py_types_of_class(const struct py_walk *walk, uint32_t class);

/** The text of a str object, in UTF-8, cut to maximum bytes; NULL when it is none. Owner: the caller. */
char *str_text(struct py_walk *walk, vaddr object, size_t maximum);

/** Whether a str object keeps its text in itself and nowhere else. */
bool str_is_ascii(struct py_walk *walk, vaddr object);

/** One entry of a dict: key and value are objects. Gives false to end the walk. */
typedef bool dict_take(void *context, vaddr key, vaddr value);

/** Walks the entries of a dict object in their order. */
void dict_walk(struct py_walk *walk, vaddr dict, dict_take *take, void *context);

/** The value of a key that is this ASCII text; 0 when there is none. */
vaddr dict_get(struct py_walk *walk, vaddr dict, const char *key);

/** The parts of a table of keys. */
struct dict_keys {
	vaddr entries;
	uint64_t n_entries, usable, references;
	/** Bytes of an entry (16 or 24), of all of it. */
	uint32_t entry_size;
	uint64_t size;
	/** Keys are all str: an entry is a key and a value. */
	bool is_unicode, is_split;
};

/** Reads the head of a table of keys; false when it cannot be one. */
bool dict_keys_read(struct py_walk *walk, vaddr keys, struct dict_keys *ret);

/* objects.c */

/** Whether an object lies at an address (in a chunk or in the data of a module): its type, or UINT32_MAX. */
uint32_t py_object_type(struct py_walk *walk, vaddr object);

/** Tells objects from what is none: role, type and head of each chunk. */
void objects_classify(struct py_walk *walk);

/** Sums what the objects of each class take, when chunks have their roles. */
void objects_measure(struct py_walk *walk);

/** Where the object of a chunk begins whose role is PY_OBJECT. */
static inline vaddr object_at(const struct py_walk *walk, chunk_id chunk)
{
	return walk->heap->chunks.mem[chunk] + (vaddr)(walk->heap->chunks.head[chunk] & CHUNK_HEAD_WORDS) * 8;
}

/* freelists.c */

/** Tells the heap where the interpreter keeps dead objects, when chunks have their roles: what lies behind these keeps nothing alive. */
void freelists_find(struct py_walk *walk);

/* sizes.c */

/** What sys.getsizeof() says of an object. */
uint64_t object_getsizeof(struct py_walk *walk, vaddr object, const struct py_type *type);

/** Bytes of the object itself: with its items where they lie in it. */
uint64_t object_own_size(struct py_walk *walk, vaddr object, const struct py_type *type);

/* claims.c */

/** Gives tables, native memory and the interpreter's own chunks their roles and owners. */
void claims_make(struct py_walk *walk);

#endif
