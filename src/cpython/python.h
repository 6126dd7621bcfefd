/* SPDX-License-Identifier: MIT */
/*
 * What is known of a Python: the tables that the walk leaves behind, without any pointer into the target.
 *
 *   runtimes   one for each CPython in the process: version, where its offsets come from, what its allocator and its collector say
 *   types      one for each class, by its address: objects, sizes, what they own
 *   role, type a value for each chunk
 *
 * Every chunk of pymalloc has a role that says what it is; chunks of malloc have one where Python holds them.
 */
#ifndef HEAPSNAP_CPYTHON_PYTHON_H
#define HEAPSNAP_CPYTHON_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"
#include "heap/chunks.h"

enum py_role {
	/** Not Python's: a chunk of malloc that no object is known to own. */
	PY_FOREIGN,
	/** An object. Its type is its own. */
	PY_OBJECT,
	/** A table of an object: the keys of a dict, the items of a list … The type is the owner's. */
	PY_TABLE,
	/** Native memory that an object of an extension holds. The type is the owner's. */
	PY_NATIVE,
	/** Was an object; the interpreter keeps it for the next one of the type. */
	PY_CACHED,
	/** The interpreter's own books. */
	PY_INTERPRETER,
	/** A block of pymalloc that none of this explains. */
	PY_UNKNOWN,
	PY_ROLES,
};

#define PY_TYPE_NONE UINT32_MAX

struct py_totals {
	uint64_t count;
	/** Of chunks: usable bytes, with the links of the collector before an object. */
	uint64_t bytes;
};

/** Sums of the chunks of one role: of all, of those of malloc alone, and of those that nothing reaches. */
struct py_role_sums {
	enum py_role role;
	struct py_totals all, in_malloc, unreachable;
};

struct py_class {
	/** Of its type object. */
	vaddr address;
	/** «module.qualname», without the module for builtins. Owned, unescaped. */
	char *name;
	/** Objects; and of these, bytes as sys.getsizeof() counts them. */
	struct py_totals objects;
	uint64_t getsizeof_bytes;
	/** Objects that the collector tracks: what gc.get_objects() has. */
	uint64_t tracked;
	/** Tables and native memory that its objects own. */
	struct py_totals tables, native;
	/** Objects that nothing reaches; filled when the graph is there. And those of them that count more references than there are: they
	    do not wait for the collector, but were lost. */
	struct py_totals unreachable, lost;
};

enum { PY_CLASSES_MAX = 64 };

struct py_size_class {
	uint64_t pools, used, free;
};

struct py_pymalloc {
	/** Where its books lie; VADDR_NONE when it is not in use (PYTHONMALLOC=malloc). */
	vaddr address;
	/** Arenas there are, and the bytes they take. */
	uint64_t arenas, arena_bytes;
	/** Pools in use, free, and never used. Bytes each. */
	uint64_t pools, free_pools, fresh_pools, pool_bytes;
	/** Blocks in use and free in pools that are in use. Bytes are whole blocks. */
	struct py_totals used, free;
	/** Rows of sys._debugmallocstats(): class i has blocks of 16 * (i + 1) bytes. */
	struct py_size_class classes[PY_CLASSES_MAX];
	/** Allocations that went on to malloc; UINT64_MAX when unknown. Together with blocks in use: sys.getallocatedblocks(). */
	uint64_t raw_blocks;
	/** Pools that were caught while a block was being taken or given back. */
	uint64_t in_motion;
	/** PYTHONMALLOC=debug or -X dev. */
	bool is_debug;
};

struct py_gc {
	bool is_known, is_collecting;
	/** Objects in the lists of the generations, oldest last, and in the permanent one. */
	uint64_t generations[4];
	/** Objects in gc.garbage. */
	uint64_t garbage;
};

struct py_runtime {
	/** Path of the module. Owned, unescaped. */
	char *module;
	/** «3.11.2». Owned. */
	char *version;
	/** Where offsets come from, for people. Owned. */
	char *offsets;
	/** Why there is no view of its objects; NULL when there is one. Owned. */
	char *why_not;
	uint64_t interpreters, threads;
	struct py_pymalloc pymalloc;
	struct py_gc gc;
};

/** How objects of one type are reached: a pattern of steps, in which the items of a large container are one step. */
struct py_path {
	/** «__main__.leak['cache'][i].conn». Owned, unescaped. */
	char *text;
	/** Objects that are reached so, by their shortest way; bytes with their tables and native memory. */
	struct py_totals totals;
	/** Index in classes. */
	uint32_t class;
	/** It begins at a module or a variable of a running function; else this says who holds it, as far as that is known. */
	bool is_named;
};

/** Through what objects of one type are referred to. */
struct py_via {
	/** «list[i]», «mypkg.Pool.conn». Owned, unescaped. */
	char *text;
	uint64_t references;
	/** Index in classes. */
	uint32_t class;
};

/** The shortest way to one object. */
struct py_named {
	/** Owned, unescaped. */
	char *text;
	chunk_id chunk;
};

/** A module that was imported. */
struct py_module {
	/** «app.models». Owned, unescaped. */
	char *name;
	/** The object, and its dict; CHUNK_NONE of one that lies in no chunk. */
	chunk_id object, dict;
};

/** The answer to why objects of a type are there. */
struct py_why {
	/** Of the type, or of one of the types. Owned, unescaped. */
	char *name;
	struct py_totals totals;
	/** Most bytes first; no two alike. */
	ARRAY(struct py_path) paths;
	/** Most references first; no two alike. */
	ARRAY(struct py_via) vias;
	uint64_t references;
};

struct python {
	ARRAY(struct py_runtime) runtimes;
	ARRAY(struct py_class) classes;
	/** For each chunk: enum py_role; index in classes or PY_TYPE_NONE, of the object or of the one that owns a table or native memory. NULL when there is no
	    runtime with a view. */
	uint8_t *role;
	uint32_t *type;
	size_t n_chunks;
	/** One for each role, in their order; empty when there is no runtime with a view. */
	ARRAY(struct py_role_sums) roles;
	/** What is unreachable is known: the graph was there. */
	bool has_unreachable;
	/** Imported modules, in their order. */
	ARRAY(struct py_module) modules;
	/** Of the types that were asked for, which may be all: in no order, and some may read alike. */
	ARRAY(struct py_path) paths;
	ARRAY(struct py_via) vias;
	/** Of the objects that were asked for, ascending. */
	ARRAY(struct py_named) named;
};

/** Starts with nothing. */
void python_init(struct python *python);

/** Frees it; an initialiser of zeroes is accepted. */
void python_deinit(struct python *python);

/** There is a view of the objects of at least one runtime. */
static inline bool python_is_known(const struct python *python)
{
	return python->role != NULL;
}

/** Makes room for what each of n chunks is, all PY_FOREIGN, and the sums. */
void python_make_columns(struct python *python, size_t n);

/** Objects that count more references than lead to them, of all classes. */
uint64_t python_lost(const struct python *python);

/** «object», «table» …: the word of the JSON. Borrowed: for ever. */
const char *py_role_name(enum py_role role);

/** What a chunk is to Python, for people: «dict», «table of dict», «cached tuple», «interpreter's own»; NULL for what is not Python's. Owner: the caller. */
char *python_label(const struct python *python, chunk_id chunk);

/** Marks the classes that have objects and a name, or when there is none the ones whose name ends in it behind a dot; with an empty name all that have objects. False when
    there is none. `ret` has an element for each class. */
bool python_choose(const struct python *python, const char *name, bool *ret);

/** Makes the answer for the types of a name (python_choose()) out of `paths` and `vias`; false when there are no such objects. Owner of ret: the caller,
    py_why_deinit(). */
bool python_why(const struct python *python, const char *name, struct py_why *ret);

/** The shortest way to an object, if it was asked for; NULL. Borrowed: as long as the tables. */
const char *python_named(const struct python *python, chunk_id chunk);

/** Frees an answer; an initialiser of zeroes is accepted. */
void py_why_deinit(struct py_why *why);

/** Fills what is unreachable. `is_leaked` says it of each chunk. Cost: linear. */
void python_unreachable(struct python *python, const struct chunks *chunks, const uint8_t *is_leaked);

#endif
