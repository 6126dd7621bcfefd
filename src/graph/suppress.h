/* SPDX-License-Identifier: MIT */
/*
 * Suppressions: leaks that are known, and not to be told again.
 *
 *   # libfoo keeps a context for each thread and never frees it
 *   module=libfoo.so* size=64-128
 *   variable=default_ops holds=+0x10:4104
 *   type=conn
 *
 * A rule is a line of conditions, all of which a direct leak must meet; what it alone holds goes with it. malloc does not record who asked for a chunk, so what tells whose it is are the pointers
 * that it holds: to a module (its code, tables, constants), to a function (a callback), to a variable (a vtable, a table of operations); and what it is called, where types are known.
 */
#ifndef HEAPSNAP_GRAPH_SUPPRESS_H
#define HEAPSNAP_GRAPH_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/edges.h"
#include "graph/reach.h"

struct image;
struct modules;

/** What a leak must hold. */
struct suppression_held {
	/** UINT64_MAX for anywhere. Units: bytes. */
	uint64_t offset;
	/** Usable size of the chunk there, both ends included. Units: bytes. */
	uint64_t min, max;
};

struct suppression {
	/** From 1; and the line without blanks around it, for reports. Owned, unescaped. */
	unsigned line;
	char *text;
	/** Usable size, both ends included. Units: bytes. */
	uint64_t min, max;
	/** Patterns as of fnmatch(3); NULL for any. Owned. */
	char *module, *function, *variable;
	/** The same of what the leak is called, with or without the word struct. */
	char *type;
	ARRAY(struct suppression_held) held;
	/** It holds no chunk at all. */
	bool holds_none;
	bool is_cycle;
	/** How many leaks it was for, and their bytes with all that went with them. A leak belongs to the first rule that it meets. */
	uint64_t leaks, chunks, bytes;
};

struct suppressions {
	ARRAY(struct suppression) v;
};

/** Reads rules; `name` is the file's, for messages. Owner: the caller, suppressions_destroy(). Errors: ERROR_USAGE, which says the line and what is wrong. */
struct error *suppressions_parse(const char *text, size_t size, const char *name, struct suppressions **ret) _must_check_;

/** One rule: for the leaks that have exactly this type. Owner: the caller, suppressions_destroy(). */
struct suppressions *suppressions_of_type(const char *type);

/** What chunks are called. */
struct suppression_names {
	/** By chunk an index in names; 0 for none. Borrowed. */
	const uint32_t *of;
	const char *const *names;
	size_t n_names;
};

/** Frees them; NULL is accepted. */
void suppressions_destroy(struct suppressions *suppressions);

static inline void suppressions_destroy_p(struct suppressions **suppressions)
{
	suppressions_destroy(*suppressions);
}
#define _cleanup_suppressions_ _cleanup_(suppressions_destroy_p)

/** Whether any rule goes by a name: then the target's memory and modules are needed. */
bool suppressions_have_names(const struct suppressions *suppressions);

/** Whether any rule goes by a type: then they must be applied when types are known. */
bool suppressions_have_types(const struct suppressions *suppressions);

/** Makes the leaks that some rule is for REACH_SUPPRESSED, with what no other leak holds, and counts them at the rules. Edges must have places. Without an image and modules (NULL) nothing has a name, without names (NULL) nothing a type. Cost: linear in what is leaked. */
void suppressions_apply(struct suppressions *suppressions, const struct image *image, struct modules *modules, const struct chunks *chunks,
			const struct suppression_names *names, const struct edges *edges, struct reach *reach);

#endif
