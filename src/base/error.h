/* SPDX-License-Identifier: MIT */
/*
 * Errors as values.
 *
 * What the world does to us (a missing file, a refused attach, a damaged core) is an error: the function that
 * meets it returns a `struct error *` and leaves its outputs untouched; NULL is success. A caller that cannot
 * deal with it adds one phrase of context and passes it on; cmd/ prints it and picks the exit status from its
 * code. What we do wrong ourselves is an assert. A damaged heap is neither: it is a finding (heap/heap.h).
 * A miss (no such symbol, no such chunk) is not an error and returns a «none» value.
 */
#ifndef HEAPSNAP_BASE_ERROR_H
#define HEAPSNAP_BASE_ERROR_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/vaddr.h"

enum error_code {
	/** The system refused: errnum holds errno. */
	ERROR_OS,
	/** An address that the image does not hold: address says which. */
	ERROR_FAULT,
	/** A file or structure that is not what it should be. */
	ERROR_FORMAT,
	/** Debug information that is needed and absent; the message says how to get it. */
	ERROR_NODEBUG,
	/** The command line is wrong. */
	ERROR_USAGE,
	/** The target is understood but not supported (allocator, architecture, word size). */
	ERROR_UNSUPPORTED,
};

struct error {
	enum error_code code;
	/** errno for ERROR_OS, else 0. */
	int errnum;
	/** The address for ERROR_FAULT, else VADDR_NONE. */
	vaddr address;
	/** One line without a trailing newline, for the user; owned. */
	char *message;
};

#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

/** An error of the given code whose message is the formatted text. Owner: the caller. */
struct error *error_create(enum error_code code, const char *format, ...) _must_check_ _printf_(2, 3);

/** An ERROR_OS: the formatted text, then «: » and what errnum means. Owner: the caller. */
struct error *error_os(int errnum, const char *format, ...) _must_check_ _printf_(2, 3);

/** An ERROR_FAULT about an address; the formatted text says what was wanted there. Owner: the caller. */
struct error *error_fault(vaddr address, const char *format, ...) _must_check_ _printf_(2, 3);

/** The same error with the formatted phrase and «: » put before its message. Takes the error; NULL stays NULL. */
struct error *error_context(struct error *error, const char *format, ...) _must_check_ _printf_(2, 3);

/** Frees an error; NULL is accepted. */
void error_destroy(struct error *error);

static inline void error_destroy_p(struct error **error)
{
	error_destroy(*error);
}
#define _cleanup_error_ _cleanup_(error_destroy_p)

#endif
