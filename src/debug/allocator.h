/* SPDX-License-Identifier: MIT */
/*
 * Who serves malloc in this process? Told from the modules' files alone, before any memory is read.
 */
#ifndef HEAPSNAP_DEBUG_ALLOCATOR_H
#define HEAPSNAP_DEBUG_ALLOCATOR_H

#include <stdbool.h>

#include "debug/modules.h"

enum allocator_kind {
	/** glibc's malloc: dynamic, or static (found by the caller through structure). */
	ALLOCATOR_GLIBC,
	ALLOCATOR_JEMALLOC,
	ALLOCATOR_TCMALLOC,
	ALLOCATOR_MIMALLOC,
	ALLOCATOR_MUSL,
	ALLOCATOR_GO,
	/** An interposed malloc that none of these names fits (a wrapper that forwards to libc, a tool's recorder). */
	ALLOCATOR_INTERPOSED,
	/** No libc at all and no known name. */
	ALLOCATOR_UNKNOWN,
};

/** A managed runtime whose own heap is not malloc's. */
enum runtime_kind {
	RUNTIME_NATIVE,
	RUNTIME_JVM,
	RUNTIME_NODE,
	RUNTIME_GO,
	RUNTIME_DOTNET,
	RUNTIME_CPYTHON,
	RUNTIME_SANITIZER,
};

struct allocator {
	enum allocator_kind kind;
	enum runtime_kind runtime;
	/** «glibc», «jemalloc», «an interposed malloc» … Borrowed: for ever. */
	const char *name;
	/** The module that defines malloc first in lookup order; NULL when statically linked and stripped of the name. Borrowed from the modules. */
	const struct module *module;
	/** What was seen, for people: «libjemalloc.so.2 defines malloc and mallctl». File names in it are as the target has them: escape before
	    printing. Owned. */
	char *evidence;
};

/** Recognises the allocator and the managed runtime. Never fails: ALLOCATOR_UNKNOWN says what was seen. Owner of evidence: the caller. */
void allocator_recognise(struct modules *modules, struct allocator *ret);

#endif
