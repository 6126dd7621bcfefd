/* SPDX-License-Identifier: MIT */
#include "cmd/recognise.h"

#include "base/alloc.h"

const char *runtime_name(enum runtime_kind runtime)
{
	switch (runtime) {
	case RUNTIME_NATIVE:
		break;
	case RUNTIME_JVM:
		return "JVM";
	case RUNTIME_NODE:
		return "JavaScript engine of node";
	case RUNTIME_GO:
		return "Go runtime";
	case RUNTIME_DOTNET:
		return ".NET runtime";
	case RUNTIME_CPYTHON:
		return "CPython interpreter";
	case RUNTIME_SANITIZER:
		return "sanitizer's runtime";
	}
	return NULL;
}

bool allocator_is_foreign(const struct allocator *allocator, const struct heap *heap)
{
	switch (allocator->kind) {
	case ALLOCATOR_GLIBC:
		return false;
	case ALLOCATOR_INTERPOSED:
		// A wrapper forwards to libc; one that does not leaves libc's heap unused. A sanitizer never forwards.
		return heap->chunks.n == 0 || allocator->runtime == RUNTIME_SANITIZER;
	case ALLOCATOR_UNKNOWN:
		// A stripped static executable has glibc's malloc without its name: its structure says more.
		return heap->allocators.n == 0;
	case ALLOCATOR_JEMALLOC:
	case ALLOCATOR_TCMALLOC:
	case ALLOCATOR_MIMALLOC:
	case ALLOCATOR_MUSL:
	case ALLOCATOR_GO:
		break;
	}
	return true;
}

void recognise(struct snapshot *snapshot, const struct allocator *allocator)
{
	const char *runtime = runtime_name(allocator->runtime);

	// What is not known is not another's: then there is no name, and no heap either.
	if (allocator->kind != ALLOCATOR_UNKNOWN && allocator_is_foreign(allocator, &snapshot->heap))
		snapshot->foreign_allocator = xstrdup(allocator->name);
	if (allocator->evidence)
		snapshot->allocator_evidence = xstrdup(allocator->evidence);
	if (runtime)
		snapshot->runtime = xstrdup(runtime);
}
