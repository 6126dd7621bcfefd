/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static struct error *create(enum error_code code, int errnum, vaddr address, char *message)
{
	struct error *error = xcalloc(1, sizeof(*error));

	error->code = code;
	error->errnum = errnum;
	error->address = address;
	error->message = message;
	return error;
}

struct error *error_create(enum error_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *message = xvasprintf(format, args);
	va_end(args);
	return create(code, 0, VADDR_NONE, message);
}

struct error *error_os(int errnum, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *what = xvasprintf(format, args);
	va_end(args);
	return create(ERROR_OS, errnum, VADDR_NONE, xasprintf("%s: %s", what, strerror(errnum)));
}

struct error *error_fault(vaddr address, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *message = xvasprintf(format, args);
	va_end(args);
	return create(ERROR_FAULT, 0, address, message);
}

struct error *error_context(struct error *error, const char *format, ...)
{
	if (!error)
		return NULL;

	va_list args;

	va_start(args, format);
	_cleanup_free_ char *phrase = xvasprintf(format, args);
	va_end(args);
	char *message = xasprintf("%s: %s", phrase, error->message);
	free(error->message);
	error->message = message;
	return error;
}

void error_destroy(struct error *error)
{
	if (!error)
		return;
	free(error->message);
	free(error);
}
