/* SPDX-License-Identifier: MIT */
/*
 * What the passes of this folder share while the code is read: the tables that grow, and what interns their rows.
 *
 *	declarations   types, variables and functions of each module
 *	flow           one pass over each function: facts, flows, and a record of each call
 *	sites          which functions allocate, by these records; the sites
 *	closure        candidates
 */
#ifndef HEAPSNAP_CODE_READER_H
#define HEAPSNAP_CODE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/ranges.h"
#include "code/canonical.h"
#include "code/facts.h"
#include "code/keys.h"
#include "debug/instructions.h"
#include "debug/relocations.h"

enum {
	/** Integer arguments that are passed in registers. */
	ARGUMENTS_MAX = 8,
	/** Of one symbol. */
	SYMBOL_TYPES_MAX = 8,
	/** Nodes that the result of one call goes to. */
	CALL_NODES_MAX = 4,
};

/** How a symbol came to its type. */
enum type_source {
	/** What it was loaded from, or is the result of, is declared so: no news. */
	SOURCE_DECLARED,
	/** A variable of the type holds it. */
	SOURCE_VARIABLE,
	/** It was stored to a member or global, passed on, or returned as such. */
	SOURCE_STORE,
	SOURCE_ARGUMENT,
	SOURCE_RETURN,
};

struct typing {
	int32_t type, offset;
	enum type_source source;
};

enum argument_kind {
	ARGUMENT_UNKNOWN,
	/** c */
	ARGUMENT_CONSTANT,
	/** c or k */
	ARGUMENT_EITHER,
	/** k * something + c */
	ARGUMENT_SCALED,
	/** Something + c: k is 1. */
	ARGUMENT_SUM,
	/** The product of two parameters: parameter, and k. */
	ARGUMENT_PRODUCT,
};

/** An argument of a call. */
struct call_argument {
	enum argument_kind kind;
	int64_t k, c;
	/** The register argument of the caller that all of it comes from; -1 for none. */
	int8_t parameter;
	/** It is that parameter, plus c, and nothing was rounded. */
	bool is_exact;
};

struct call_record {
	uint32_t module;
	vaddr pc;
	/** Indices in functions; callee CODE_NONE when it is not known. */
	int32_t function, callee;
	struct call_argument arguments[ARGUMENTS_MAX];
	/** What the result becomes. */
	struct typing types[SYMBOL_TYPES_MAX];
	uint8_t n_types, n_nodes;
	int32_t nodes[CALL_NODES_MAX];
	/** The caller returns the result, and so far into it. */
	bool is_returned;
	int64_t shift;
};

/** What is known of an entry of facts.functions. */
struct function_info {
	/** Its own DIE or that of a declaration, with the module that says so; NULL for none. */
	const struct declarations *declarations;
	const struct function_record *record;
	/** It has code that is read. */
	bool has_body;
	/** It gives memory back, or takes it as an argument without a size. */
	bool is_free;
	/** The register argument that it returns; -1 for none. */
	int8_t returns;
	/** It returns what is no result of a call. */
	bool returns_other;
	/** By integer argument register: the parameter (-1 for none), what it points to and its node. */
	int8_t parameters[ARGUMENTS_MAX];
	struct pointee pointees[ARGUMENTS_MAX];
	int32_t nodes[ARGUMENTS_MAX];
	struct pointee result;
	int32_t result_node;
	/** 0: none; else an enum code_allocator plus 1, for libc's and C++'s own. */
	uint8_t known;
	/** Register arguments of its size, -1 for none. */
	int8_t known_size, known_count;
	/** Its result goes to where its first argument points. */
	bool result_is_out;
	/** An enum code_allocator plus 1, once it is known to allocate, by which register arguments; 0 when it does not. For sites.c. */
	uint8_t allocator;
	int8_t size, count;
	int64_t extra, shift;
	bool is_rounded;
	/** Its size is that of an element: it multiplies it by something of its own. */
	bool is_stride;
};

struct code_module {
	bool has_declarations;
	/** libc or the loader, whose code is not read. */
	bool is_libc;
	/** Some of its functions were read by their symbols. */
	bool has_symbols;
	struct declarations declarations;
	import_slot_array imports;
};

struct code_reader {
	struct modules *modules;
	struct code_facts *facts;
	struct canonical_types canonical;
	/** By module. */
	struct code_module *of;
	/** Of functions: by (module, entry), and by the key of a name. */
	struct keys function_entries, function_names;
	/** Of nodes, facts and flows. */
	struct keys nodes, fact_keys, flow_keys;
	/** By function. */
	ARRAY(struct function_info) infos;
	ARRAY(struct call_record) calls;
};

/** The function whose first instruction is at an address of a module, made when it is new. `name` is borrowed. */
int32_t reader_function(struct code_reader *reader, uint32_t module, vaddr entry, const char *name);

/** The function that a module means by a name which it imports. */
int32_t reader_import(struct code_reader *reader, uint32_t module, const char *name);

/** Whether libc or C++ have an allocator of this name, or something that takes memory back. */
bool reader_knows(const char *name);

/** Whether they have an allocator of this name. */
bool reader_allocates(const char *name);

/** The node with these members, made when it is new; CODE_NONE when there are too many. */
int32_t reader_node(struct code_reader *reader, const struct code_node *node);

/** Counts a fact; one without a node or type is none. */
void reader_fact(struct code_reader *reader, int32_t node, int32_t type, int32_t offset);

/** Counts a flow. */
void reader_flow(struct code_reader *reader, int32_t from, int32_t to);

/** Reads the functions of a module that has DWARF. For flow.c. */
void flow_read_module(struct code_reader *reader, uint32_t module);

/** Reads some functions (by their code) of a module without DWARF. For flow.c. */
void flow_read_functions(struct code_reader *reader, uint32_t module, const struct range *functions, size_t n);

/** Reads the functions of the modules without DWARF that call allocators. For symbol_sites.c. */
void symbol_sites_read(struct code_reader *reader);

/** Marks the functions that the calls so far prove to be wrappers. For sites.c. */
void wrappers_prove_all(struct code_reader *reader);

/** Finds the wrappers, and lists the sites. For sites.c. */
void sites_find(struct code_reader *reader);

/** Marks the hubs and makes the candidates. For closure.c. */
void closure_make(struct code_reader *reader);

/** Reads the code of all modules, whatever the cache has. Owner: the caller, code_facts_deinit(). */
void code_facts_gather(struct modules *modules, struct code_facts *ret);

#endif
