/* SPDX-License-Identifier: MIT */
/*
 * What each chunk probably is: a conclusion from evidence, as columns beside the chunk table.
 *
 *   label        «struct Conn», «struct Node[]», «char[]», «struct dictEntry *[]»; what has no name of a type has a place: «← dictEntry.v», or what its bytes look like
 *   confidence   of the label, in percent: of those at 90 and above nine in ten are right. Places and looks have 0: they are no guesses
 *   evidence     what decided
 *   role         where it hangs, whatever it is: «← dictEntry.v»
 *
 * The columns outlive the image, and so does what these types are made of and where code allocates them (parts, sites), for those who print a chunk's members.
 */
#ifndef HEAPSNAP_TYPES_TYPES_H
#define HEAPSNAP_TYPES_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"
#include "types/layouts.h"
#include "types/parts.h"
#include "types/type_sites.h"
#include "types/type_table.h"

struct target;
struct modules;
struct heap;
struct edges;
struct roots;
struct reach;

enum type_evidence {
	EVIDENCE_NONE,
	/** Word 0 is an address point of a vtable. */
	EVIDENCE_VTABLE,
	EVIDENCE_PYTHON,
	/** A typed pointer leads here. */
	EVIDENCE_POINTER,
	/** A known library shape. */
	EVIDENCE_CONTAINER,
	/** A typed pointer leads to a member, or to a base. */
	EVIDENCE_EMBEDDED,
	/** Code allocates such a type in this size. */
	EVIDENCE_SITE,
	/** Code takes what hangs here for such a type. */
	EVIDENCE_FLOW,
	/** Of the types of this size the bytes fit this one best. */
	EVIDENCE_SHAPE,
	/** No name, but a place. */
	EVIDENCE_ROLE,
	/** No name and no place, but bytes that look like something. */
	EVIDENCE_CONTENT,
	EVIDENCES,
};

enum type_form {
	FORM_NONE,
	/** One of them. */
	FORM_ONE,
	/** One with a flexible end. */
	FORM_FLEXIBLE,
	/** As many as there is room for. */
	FORM_ARRAY,
	/** The same behind a word that counts them (new[] of what has a destructor). */
	FORM_COUNTED,
	/** One behind a header that the program's own allocator puts in front of all. */
	FORM_BEHIND,
	FORMS,
};

/** What a chunk is called. */
struct chunk_label {
	/** Owned; unescaped. */
	char *name;
	/** TYPE_NONE for a place or a look. */
	type_id type;
	/** enum type_form. */
	uint8_t form;
	/** It is the name of a type; else of a place, or a look. */
	bool is_type;
};

/* A module that has no debug information, which would name more. */
struct undescribed {
	/** Last component of its path. Owned, unescaped. */
	char *module;
	/** How to get it; NULL where nobody has asked. Owned, printable. */
	char *remedy;
	/** Chunks that have no type and hang from its variables, and their usable bytes. */
	uint64_t chunks, bytes;
};

typedef uint32_t label_id;

struct types {
	/** They were asked for. */
	bool is_built;
	/** Debug information of some module was there. */
	bool has_debug;
	/** Rows of the chunk table. */
	size_t n;
	/** By chunk: index in labels, 0 for «unknown»; and in labels of its place, 0 for none. */
	label_id *label, *role;
	/** By chunk: percent; enum type_evidence. */
	uint8_t *confidence, *evidence;
	/** By chunk: enum type_form; of what an old file did not keep FORM_NONE. */
	uint8_t *form;
	/** Forms are known. */
	bool has_forms;
	/** What the program's own allocator puts in front of a chunk of FORM_BEHIND. Units: bytes. */
	uint32_t header;
	ARRAY(struct chunk_label) labels;
	/** By label: what these types are made of (parts.h), with the constants of their enumerations. */
	ARRAY(struct type_part) parts;
	ARRAY(struct type_constant) constants;
	/** By label: where code allocates them (type_sites.h). */
	ARRAY(struct type_site) sites;
	/** What types are made of; NULL in what was read from a file. Owned. */
	struct type_table *table;
	struct layouts *layouts;
	/** Modules of the program without debug information, those first from which most chunks without a type hang. */
	ARRAY(struct undescribed) undescribed;
	/** How often all chunks were gone through until nothing changed. */
	unsigned rounds;
};

struct types_options {
	/** Do without DWARF. */
	bool without_dwarf;
	/** What is leaked, so that it can be told by its size and its looks; NULL when that is not known. Borrowed. */
	const struct reach *reach;
};

/** Finds the types of all chunks. Edges must have their places. Opens DWARF (the caller releases it). Owner: the caller, types_deinit(). Cost: reading .debug_info; then linear in chunks
    and edges. */
void types_build(const struct target *target, struct modules *modules, const struct heap *heap, const struct edges *edges, const struct roots *roots,
		 const struct types_options *options, struct types *ret);

/** Makes room for the columns of so many chunks, and one more; without a name all of them. */
void types_allocate(struct types *types, size_t n);

/** Frees it; an initialiser of zeroes is accepted. */
void types_deinit(struct types *types);

/** «pointer», «vtable» …: the word of the CSV contract; "" for none. Borrowed: for ever. */
const char *type_evidence_name(enum type_evidence evidence);

/** The name of a chunk; «unknown» when it has none. Borrowed: as long as the types. */
static inline const char *types_name(const struct types *types, chunk_id chunk)
{
	return types->labels.v[types->label[chunk]].name;
}

#endif
