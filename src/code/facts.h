/* SPDX-License-Identifier: MIT */
/*
 * What the code of the modules says about types: where memory is allocated, and where pointers go.
 *
 *	createObject, object.c:45:  malloc(16), becomes robj                               a site
 *	dictEntry.v + 0 was used as a «struct client *», 3 times                           a fact
 *	dictEntry.v + 0 is stored to parameter 1 of freeClient()                           a flow
 *	dictEntry.v + 0 holds «struct client» (0.7), «struct watched» (0.4)                candidates, the closure of both
 *
 * One linear pass over each function of the modules with DWARF, by disassembly; the image is not looked at, only the files. It knows nothing of the heap, and is
 * evidence, not truth: a site proves that such a type is allocated, a candidate that some code takes a pointer for one.
 *
 * All is in plain tables that refer to each other by index. Types are named by their DIE, so whoever has a type database of its own finds them there: `die` is the
 * offset in .debug_info of the DIE that the pointer points to, without typedefs and qualifiers, a definition where the modules have one, and of all definitions that
 * are the same (kind, name, size, number of members) always the same one. DIEs that dwz moved to a shared file are left out.
 *
 * x86-64 and aarch64. Files are hostile: everything is capped, and what does not fit is left out (`truncated`).
 */
#ifndef HEAPSNAP_CODE_FACTS_H
#define HEAPSNAP_CODE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"
#include "debug/modules.h"

enum {
	/** No entry of a table. */
	CODE_NONE = -1,
};

/** A type that some pointer points to. Never void. */
struct code_type {
	/** Index in modules.v, and offset of its DIE in .debug_info. */
	uint32_t module;
	uint64_t die;
	/** DW_TAG_…: a struct, class, union, base type, enum, pointer, array or function. */
	unsigned tag;
	/** sizeof; 0 when it is not known. Units: bytes. */
	uint64_t size;
	/** Its name, or that of the typedef of a struct without one, without namespaces; NULL for none. Borrowed: as long as the facts, until dwarf_files_release(). */
	const char *name;
};

struct code_function {
	/** Index in modules.v; CODE_NONE for one that no module with DWARF has. */
	int32_t module;
	/** File address of its first instruction; 0 when there is none. */
	vaddr entry;
	/** As DWARF or the symbol has it, without namespaces. Owned, unescaped; NULL for none. */
	char *name;
};

/** A place that holds a pointer. */
enum code_node_kind {
	/** `offset` in struct or union `type`: the innermost one on the way from the outside, but no further than the first union. */
	CODE_NODE_MEMBER,
	/** The variable, of any kind but a struct or union (these have members), whose DIE is `die` in `module`, or one `offset` bytes into it (an array). */
	CODE_NODE_GLOBAL,
	/** Parameter `offset` (from 0) of `function`. */
	CODE_NODE_PARAMETER,
	/** What `function` returns. */
	CODE_NODE_RESULT,
	/** Local variable or parameter of an inlined function `die` in `module`. */
	CODE_NODE_LOCAL,
};

struct code_node {
	enum code_node_kind kind;
	/** Index in types; CODE_NONE for other kinds. */
	int32_t type;
	/** Index in functions; CODE_NONE for other kinds. */
	int32_t function;
	uint32_t module;
	uint64_t die;
	uint64_t offset;
	/** Index in types of what it is declared to point to; CODE_NONE for void *, and for union members that differ in it. */
	int32_t declared;
	/** Nothing, bytes, a struct that others have inside (a base, a list head), or one of which no module has more than the name: what its declaration says may not be all. */
	bool is_generic;
	/** Too much goes through it, or it belongs to an allocator: the closure does not look past it. */
	bool is_hub;
};

/** A pointer that a node holds was seen to be used as `type`, or was one before it was stored there. */
struct code_fact {
	/** Indices in nodes and types. */
	int32_t node, type;
	/** The pointer points so far into an object of the type (list heads: container_of). Units: bytes. */
	int32_t offset;
	/** How often it was seen. */
	uint32_t count;
};

/** What is in one node goes to another one. */
struct code_flow {
	/** Indices in nodes. */
	int32_t from, to;
	uint32_t count;
};

/** What a node may point to: the closure of facts over flows. */
struct code_candidate {
	/** Indices in nodes and types. */
	int32_t node, type;
	/** As in code_fact. */
	int32_t offset;
	/** 0 … 1: 1 - 1/2^count of a fact of the node itself; times 0.6 for each hop that it took. */
	float weight;
};

enum code_allocator {
	CODE_MALLOC,
	CODE_CALLOC,
	CODE_REALLOC,
	/** aligned_alloc, memalign, posix_memalign, valloc. */
	CODE_ALIGNED,
	/** operator new, and new[]. */
	CODE_NEW,
	CODE_NEW_ARRAY,
	/** strdup and the like: the size is that of a text. */
	CODE_STRDUP,
	/** A function of the program that was proven to pass its size on and to return the result. */
	CODE_WRAPPER,
	/** One whose size arguments agree with what its results become too often for chance. */
	CODE_STATISTICAL,
};

enum code_size_form {
	/** c */
	CODE_SIZE_CONSTANT,
	/** c or k */
	CODE_SIZE_EITHER,
	/** x + c, c not 0 */
	CODE_SIZE_SUM,
	/** k * x + c */
	CODE_SIZE_SCALED,
	/** Anything. */
	CODE_SIZE_OPAQUE,
};

/** What the result of a site becomes. */
struct code_site_type {
	/** Index in types. */
	int32_t type;
	/** The result points so far into it (below 0: so far before it, a header); 0 nearly always. Units: bytes. */
	int32_t offset;
	/** 0 … 1: 0.9 for what the function itself says, less where it came by flow, or is only what an allocator declares to return. */
	float weight;
};

struct code_site {
	uint32_t module;
	/** File address of the call. */
	vaddr pc;
	/** Index in functions: who calls, and what is called. */
	int32_t function, callee;
	/** The innermost inlined function that the call is in, when that has a name of its own. Borrowed: as the names of types; NULL for none. */
	const char *inlined;
	/** «object.c:45», the line of `function` itself, also when the call is in what was inlined there. Owned, unescaped; NULL when it is not known. */
	char *source;
	enum code_allocator allocator;
	enum code_size_form form;
	/** Constants of the form, of all arguments together (calloc's product). Units: bytes. */
	int64_t k, c;
	/** In site_types. */
	uint32_t first_type, types;
};

/** Functions that were found to allocate. */
struct code_wrapper {
	/** Index in functions. */
	int32_t function;
	/** CODE_WRAPPER or CODE_STATISTICAL. */
	enum code_allocator allocator;
	/** Parameters (from 0) that the size is (or is the product of); the second is CODE_NONE for most. */
	int32_t size, count;
	/** What it asks for is size + extra, and it returns the chunk + shift; when is_rounded, at least that. Units: bytes. */
	int64_t extra, shift;
	bool is_rounded;
	/** Its size is that of an element, of which it makes as many as it likes; its sites are of the form k * x. */
	bool is_stride;
	/** It returns other things as well, a part of a pool for example: its sites need not be chunks. */
	bool is_partial;
};

struct code_facts {
	ARRAY(struct code_type) types;
	ARRAY(struct code_function) functions;
	ARRAY(struct code_node) nodes;
	/** By node, then type. */
	ARRAY(struct code_fact) facts;
	/** By from, then to. */
	ARRAY(struct code_flow) flows;
	/** Of the generic nodes that are no locals; by node, then falling weight. */
	ARRAY(struct code_candidate) candidates;
	/** By module, then pc. */
	ARRAY(struct code_site) sites;
	ARRAY(struct code_site_type) site_types;
	ARRAY(struct code_wrapper) wrappers;
	/** What was read. */
	uint64_t instructions, functions_read;
	/** A cap was met, so some of the code was not read. */
	bool truncated;
	/** Private: strings of facts that were taken from the cache; NULL for none. */
	char *text;
};

struct cache_entry;


/** Reads the code of all modules that have DWARF, and the sites of those that have symbols alone; or takes from the cache what was read before (modules.options.cache_dir). What cannot be read is left out. Opens DWARF that was not open yet (module_dwarf()),
    which the caller releases. Owner: the caller, code_facts_deinit(). Cost: linear in code and debug information, some 2 µs an instruction. */
void code_facts_read(struct modules *modules, struct code_facts *ret);

/** Adds the facts to a cache entry, as columns. */
void code_facts_keep(const struct code_facts *facts, struct cache_entry *entry);

/** Makes facts of the columns of a cache entry, for so many modules; false when they are not what they should be. Owner: the caller, code_facts_deinit(). */
bool code_facts_revive(struct code_facts *ret, size_t n_modules, const struct cache_entry *entry);

/** Frees them. */
void code_facts_deinit(struct code_facts *facts);

/** The candidates of a node: the first one, and how many. Borrowed: as the facts. Cost: logarithmic. */
const struct code_candidate *code_candidates(const struct code_facts *facts, int32_t node, size_t *count_ret);

#endif
