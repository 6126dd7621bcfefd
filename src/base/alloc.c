/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void out_of_memory(void)
{
	static const char message[] = "heapsnap: out of memory\n";

	// write(), since stdio may want to allocate.
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(3);
	_exit(3);
}

static void *checked(void *pointer)
{
	if (!pointer)
		out_of_memory();
	return pointer;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(count && size ? calloc(count, size) : calloc(1, 1));
}

void *xreallocarray(void *pointer, size_t count, size_t size)
{
	return checked(count && size ? reallocarray(pointer, count, size) : realloc(pointer, 1));
}

char *xstrdup(const char *string)
{
	return checked(strdup(string));
}

char *xstrndup(const char *string, size_t length)
{
	return checked(strndup(string, length));
}

void *xmemdup(const void *bytes, size_t size)
{
	void *copy = xmalloc(size);

	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

char *xvasprintf(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

char *xasprintf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = xvasprintf(format, args);
	va_end(args);
	return text;
}
