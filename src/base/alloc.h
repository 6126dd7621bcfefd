/* SPDX-License-Identifier: MIT */
/*
 * Memory that is there or the program ends.
 *
 * heapsnap is a one-shot tool whose sizes are checked against the image before anything is allocated from them,
 * so running out of memory is not a case that callers could mend: these functions say so on stderr and exit with
 * status 3 (the target was detached long before, or is detached by the kernel with us).
 */
#ifndef HEAPSNAP_BASE_ALLOC_H
#define HEAPSNAP_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

/** Says on stderr that memory ran out, and ends the program with status 3. */
void out_of_memory(void) __attribute__((noreturn));

/** malloc() that never returns NULL. */
void *xmalloc(size_t size) __attribute__((malloc, alloc_size(1)));

/** calloc() that never returns NULL; overflow of the product ends the program. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));

/** reallocarray() that never returns NULL; overflow of the product ends the program. */
void *xreallocarray(void *pointer, size_t count, size_t size);

/** A copy of a string. Owner: the caller. */
char *xstrdup(const char *string);

/** A copy of at most length bytes of a string, with a NUL. Owner: the caller. */
char *xstrndup(const char *string, size_t length);

/** A copy of size bytes. Owner: the caller. */
void *xmemdup(const void *bytes, size_t size);

/** The formatted text. Owner: the caller. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The formatted text, from a va_list. Owner: the caller. */
char *xvasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
