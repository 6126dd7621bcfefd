/* SPDX-License-Identifier: MIT */
/*
 * Python from outside: first whose the memory is (Python's objects, native memory of theirs, C code, nobody), then objects by class, then what the
 * interpreter's allocator and collector say.
 */
#ifndef HEAPSNAP_REPORT_PRINT_PYTHON_H
#define HEAPSNAP_REPORT_PRINT_PYTHON_H

#include <stdbool.h>
#include <stdint.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

enum python_order {
	/** What objects take, with their tables and native memory; largest first. */
	PYTHON_BY_BYTES,
	PYTHON_BY_COUNT,
	PYTHON_BY_GETSIZEOF,
	PYTHON_BY_NAME,
};

struct python_options {
	enum python_order order;
	/** Rows; 0 for all. */
	uint64_t limit;
	/** Classes that take less are left out. Units: bytes. */
	uint64_t min_size;
	size_t lines;
	/** As the user would type it again. Borrowed. */
	const char *target;
	bool quiet;
	/** Also pymalloc's sizes. */
	bool verbose;
};

/** Prints it, between writer_begin() and writer_finish(); of a snapshot with a Python that is known. Cost: linear in classes, a sort. */
void print_python(struct writer *writer, const struct snapshot *snapshot, const struct python_options *options);

/** Prints why the objects of a Python type are there. At most `limit` ways and referrers; 0 for all. */
void print_why_python(struct writer *writer, const struct py_why *why, uint64_t limit);

/** Prints the shortest way to a Python object, if it is known; else nothing. */
void print_python_way(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk);

#endif
