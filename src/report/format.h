/* SPDX-License-Identifier: MIT */
/*
 * What the three formats share with the writer: the table of functions that each fills, for writer.c and the formats alone.
 */
#ifndef HEAPSNAP_REPORT_FORMAT_H
#define HEAPSNAP_REPORT_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#include "base/array.h"
#include "report/output.h"
#include "report/writer.h"

struct writer_ops {
	void (*begin)(struct writer *writer, const char *command);
	void (*finish)(struct writer *writer);
	void (*field)(struct writer *writer, const char *key, struct value value);
	void (*group_begin)(struct writer *writer, const char *key);
	void (*group_end)(struct writer *writer);
	void (*strings)(struct writer *writer, const char *key, const char *const *strings,
			size_t count);
	void (*table_begin)(struct writer *writer);
	void (*row)(struct writer *writer, const struct value *values);
	void (*table_end)(struct writer *writer);
	void (*print)(struct writer *writer, enum style style, const char *format, va_list args);
};

struct writer {
	const struct writer_ops *ops;
	struct writer_options options;
	struct output output;
	/** The open table, NULL when there is none. Borrowed. */
	const struct table *table;
	/** JSON: how deep we are, and whether something stands before the next item. */
	unsigned depth;
	bool has_previous;
	/** Text: the widths of the open table's columns, when its first rows have been printed already. */
	bool has_widths;
	size_t widths[TABLE_COLUMNS_MAX];
	/** Text: the cells of the open table, row by row, and the lengths of the bars of each (a fraction of one). */
	ARRAY(char *) cells;
	ARRAY(double) bars;
};

extern const struct writer_ops format_text, format_json, format_csv;

/** Milliseconds with three digits after the point. */
void format_milliseconds(struct output *output, uint64_t nanoseconds);

/** A UTC time as «2026-11-20T15:26:00Z»; size bytes of buffer are enough from 32 on. */
void format_time(char *buffer, size_t size, int64_t seconds);

#endif
