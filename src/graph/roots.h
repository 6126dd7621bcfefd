/* SPDX-License-Identifier: MIT */
/*
 * Roots: pointers to chunks from outside of all chunks, and the places they lie in.
 *
 *   places   a tree, by parent:   module ─ variable     thread ─ frame, TLS variable, register, descriptor     mapping     libc
 *   roots    sorted by place, then by offset: which chunk a place holds, and from where in it
 *
 * A place owns what only it keeps alive, so places are vertices of the dominator tree (dominators.h), below the one above all.
 *
 * This is the table alone; root_scan.h finds the roots, and names them.
 */
#ifndef HEAPSNAP_GRAPH_ROOTS_H
#define HEAPSNAP_GRAPH_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/vaddr.h"
#include "graph/pointers.h"

typedef uint32_t place_id;
#define PLACE_NONE UINT32_MAX

enum place_kind {
	/** A module; its places are variables. */
	PLACE_MODULE,
	/** A variable, or writable data of a module without a name for it. */
	PLACE_VARIABLE,
	/** A thread; its places are the four that follow. */
	PLACE_THREAD,
	PLACE_REGISTER,
	/** A function's frame on a stack; without a name what lies on the stack behind the last one. */
	PLACE_FRAME,
	/** A thread-local variable. */
	PLACE_TLS,
	/** The thread's descriptor of libc: keys of pthread_setspecific() and the like. */
	PLACE_DESCRIPTOR,
	/** Other writable memory. */
	PLACE_MAPPING,
	/** What libc keeps for itself: alive by definition. */
	PLACE_LIBC,
	/** Not outside at all: chunks that nothing holds, so that they have an owner too. */
	PLACE_LEAKED,
	PLACE_KINDS,
};

struct root_place {
	enum place_kind kind;
	/** PLACE_NONE at the top. */
	place_id parent;
	/** What people call it: «libfoo.so», «g_sessions», «worker_main», «rbx». Owned, unescaped; NULL when it has no name of its own. */
	char *name;
	/** The module of a variable or function. Owned, unescaped; NULL when there is none. */
	char *module;
	/** Where a variable or function is written down, «server.c:120». Owned, unescaped; NULL when unknown. */
	char *source;
	/** Half-open; 0, 0 when it is not in memory (registers, modules, threads). Offsets of its roots count from here. */
	vaddr start, end;
	/** Of a thread and what is below it; 0 for others, and for a thread that has ended. */
	pid_t tid;
	/** Of a frame: its number, from 0 for the innermost. */
	uint32_t frame;
};

struct root {
	place_id place;
	chunk_id chunk;
	/** From the start of the place. Units: bytes. */
	uint64_t offset;
	enum pointer_hit hit;
	/** What is at the offset, by the type of the variable: «.slots[3].head», «session» of a frame. Owned, unescaped; NULL when it is not known. */
	char *path;
};

struct roots {
	ARRAY(struct root_place) places;
	/** Sorted by place; of a place by offset. */
	ARRAY(struct root) v;
	/** What should have been looked at and is not in the image. Units: bytes. */
	uint64_t unread;
};

/** Starts an empty table. */
void roots_init(struct roots *roots);

/** Frees it. */
void roots_deinit(struct roots *roots);

/** Appends a place; the strings are taken. */
place_id roots_add_place(struct roots *roots, struct root_place place);

/** Sorts the roots, as it must be before anything asks. */
void roots_seal(struct roots *roots);

/** The roots of a place: the index of the first, and in *end_ret the one behind the last. Cost: logarithmic. */
size_t roots_of_place(const struct roots *roots, place_id place, size_t *end_ret);

/** For each root the first one of its kind: of the same place, with the same path but for the indices of arrays. Owner: the caller, free(). Cost: linear in their paths. */
uint32_t *roots_kinds(const struct roots *roots);

/** «variable», «frame» …: the word of the JSON. Borrowed: for ever. */
const char *place_kind_name(enum place_kind kind);

#endif
