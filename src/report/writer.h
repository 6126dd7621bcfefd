/* SPDX-License-Identifier: MIT */
/*
 * The writer: what every report prints through, so that it exists once for text, JSON and CSV.
 *
 *   text   what people read: aligned tables, lines of prose, colours and bars where there is a terminal
 *   JSON   one object: "schema", "command", then the fields, groups and tables of the report by their documented keys
 *   CSV    the main table of the report alone: a header line and its rows
 *
 * A report hands over the same things for all three: fields and groups (JSON alone has a place for them), tables (each column says where
 * it shows), and prose (text alone). Keys are part of the documented format (heapsnap(1)); titles are for eyes and may change.
 *
 * Strings that came from the target are VALUE_TEXT and are escaped here, the same way in every format; VALUE_WORD is for our own words.
 *
 * To support another format: a new `struct writer_ops` in a file of its own, and its line in writer_create().
 */
#ifndef HEAPSNAP_REPORT_WRITER_H
#define HEAPSNAP_REPORT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vaddr.h"

/** The value of "schema" in JSON. A field is only ever added under it; what changes meaning gets a new number. */
#define WRITER_SCHEMA "heapsnap/1"

enum format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_CSV,
};

enum value_kind {
	/** Unknown: «-» in text, null in JSON, empty in CSV. */
	VALUE_NONE,
	/** Bytes; text shows a unit. */
	VALUE_BYTES,
	/** How many; text groups the digits. */
	VALUE_COUNT,
	/** A number that is a name (pid, index): plain digits everywhere. */
	VALUE_NUMBER,
	/** A fraction of one; text shows per cent. */
	VALUE_SHARE,
	/** How sure something is, a fraction of one that is not known to a tenth of a per cent; text shows whole ones. */
	VALUE_CONFIDENCE,
	/** Nanoseconds; text shows ms, JSON and CSV milliseconds with a fraction. */
	VALUE_DURATION,
	/** Seconds since 1970; UTC in ISO 8601 everywhere. */
	VALUE_TIME,
	/** An address: 0x… everywhere (a string in JSON). */
	VALUE_ADDRESS,
	/** Our own word, never escaped; NULL is as VALUE_NONE. */
	VALUE_WORD,
	/** The target's string, escaped; NULL is as VALUE_NONE. */
	VALUE_TEXT,
	/** true or false, «yes» or «no» in text. */
	VALUE_FLAG,
	/** A number of unknown meaning, which may be negative: plain digits everywhere. */
	VALUE_INTEGER,
	/** Bytes, or how many, more or (below zero) fewer; text shows the sign, and a unit of bytes. */
	VALUE_BYTES_CHANGE,
	VALUE_COUNT_CHANGE,
	/** One with a fraction; as VALUE_NONE when it is infinite or no number. */
	VALUE_REAL,
};

struct value {
	enum value_kind kind;
	union {
		uint64_t number;
		double fraction;
		/** Borrowed: until the call returns. */
		const char *string;
	};
};

enum column_flags {
	/** Numbers and their headings stand at the right edge. */
	COLUMN_RIGHT = 1,
	/** A share that text draws as a bar behind the row, on terminals only; one column of a table at most. */
	COLUMN_BAR = 2,
};

struct column {
	/** Name in JSON and CSV; NULL for a column of text alone. */
	const char *key;
	/** Heading in text; NULL for a column that text does not show. */
	const char *title;
	/** Bits of enum column_flags. */
	unsigned flags;
	/** Width in text of a streamed table; other tables find their own. Units: characters. */
	unsigned width;
};

struct table {
	/** Name of the array in JSON. */
	const char *key;
	const struct column *columns;
	size_t n_columns;
	/** The one that CSV prints. */
	bool is_main;
	/** Rows are printed as they come, never kept: for tables without bound. */
	bool is_streamed;
	/** No headings in text. */
	bool is_bare;
};

enum { TABLE_COLUMNS_MAX = 100 };

/** How a piece of prose looks on a terminal that has colours. */
enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_FAINT,
};

struct writer_options {
	enum format format;
	/** Borrowed until writer_destroy(). */
	int fd;
	/** Of the terminal; also used where there is none. Units: characters. */
	unsigned width;
	/** It is a terminal: bars, and text columns cut to its width. */
	bool is_terminal;
	bool has_color;
	/** It shows UTF-8. */
	bool has_utf8;
	/** --bytes: no units. */
	bool plain_bytes;
};

struct writer;

/** A writer to a descriptor. Owner: the caller, writer_destroy(). */
struct writer *writer_create(const struct writer_options *options);

/** Frees it; what was not flushed by writer_finish() is lost. NULL is accepted. */
void writer_destroy(struct writer *writer);

static inline void writer_destroy_p(struct writer **writer)
{
	writer_destroy(*writer);
}
#define _cleanup_writer_ _cleanup_(writer_destroy_p)

/** Opens the report of a command. Once, first. */
void writer_begin(struct writer *writer, const char *command);

/** Writes out what is there so far, except a table that is open in text and not streamed. */
void writer_flush(struct writer *writer);

/** Closes the report and writes it out. Errors: ERROR_OS when the output could not be written; a reader that went away is none. */
struct error *writer_finish(struct writer *writer) _must_check_;

/** Nobody will see more (the reader went away, the disk is full): a long report may stop. */
bool writer_is_dead(const struct writer *writer);

/** The options it was made with. */
const struct writer_options *writer_options(const struct writer *writer);

/** One field of the present group, in JSON. */
void writer_field(struct writer *writer, const char *key, struct value value);

/** Opens a group of fields within the present one. */
void writer_group_begin(struct writer *writer, const char *key);

/** Closes it. */
void writer_group_end(struct writer *writer);

/** A field that is an array of strings, each escaped as VALUE_TEXT is. */
void writer_strings(struct writer *writer, const char *key, const char *const *strings,
		    size_t count);

/** Opens a table. The table and its columns are borrowed until writer_table_end(); tables do not nest. */
void writer_table_begin(struct writer *writer, const struct table *table);

/** One row: a value for each column of the table. */
void writer_row(struct writer *writer, const struct value *values);

/** Closes the table. */
void writer_table_end(struct writer *writer);

/** Prose, in text alone. What came from the target must have passed text_escape(). */
void writer_print(struct writer *writer, enum style style, const char *format, ...) _printf_(3, 4);

/** The text form of a value, as a table shows it. Owner: the caller. */
char *writer_format_value(const struct writer *writer, struct value value);

/** A number of bytes in prose: as writer_format_value(), and «528 bytes» where plain numbers are wanted. UINT64_MAX is not known. Owner: the
    caller. */
char *writer_prose_bytes(const struct writer *writer, uint64_t bytes);

/** How many columns of a terminal a string takes: one for each character. */
size_t writer_width(const char *string);

static inline struct value value_none(void)
{
	return (struct value){ .kind = VALUE_NONE };
}

static inline struct value value_bytes(uint64_t bytes)
{
	return (struct value){ .kind = VALUE_BYTES, .number = bytes };
}

/* Bytes where UINT64_MAX means unknown. */
static inline struct value value_known_bytes(uint64_t bytes)
{
	return bytes == UINT64_MAX ? value_none() : value_bytes(bytes);
}

static inline struct value value_count(uint64_t count)
{
	return (struct value){ .kind = VALUE_COUNT, .number = count };
}

static inline struct value value_number(uint64_t number)
{
	return (struct value){ .kind = VALUE_NUMBER, .number = number };
}

/* A part of a whole; nothing of nothing is 0. */
static inline struct value value_share(uint64_t part, uint64_t whole)
{
	return (struct value){ .kind = VALUE_SHARE,
			       .fraction = whole ? (double)part / (double)whole : 0 };
}

static inline struct value value_confidence(uint64_t percent)
{
	return (struct value){ .kind = VALUE_CONFIDENCE, .fraction = (double)percent / 100 };
}

static inline struct value value_duration(uint64_t nanoseconds)
{
	return (struct value){ .kind = VALUE_DURATION, .number = nanoseconds };
}

static inline struct value value_time(int64_t seconds)
{
	return (struct value){ .kind = VALUE_TIME, .number = (uint64_t)seconds };
}

static inline struct value value_address(vaddr address)
{
	return (struct value){ .kind = VALUE_ADDRESS, .number = address };
}

static inline struct value value_word(const char *word)
{
	return (struct value){ .kind = VALUE_WORD, .string = word };
}

static inline struct value value_text(const char *text)
{
	return (struct value){ .kind = VALUE_TEXT, .string = text };
}

static inline struct value value_flag(bool flag)
{
	return (struct value){ .kind = VALUE_FLAG, .number = flag };
}

static inline struct value value_integer(int64_t number)
{
	return (struct value){ .kind = VALUE_INTEGER, .number = (uint64_t)number };
}

static inline struct value value_bytes_change(int64_t change)
{
	return (struct value){ .kind = VALUE_BYTES_CHANGE, .number = (uint64_t)change };
}

static inline struct value value_count_change(int64_t change)
{
	return (struct value){ .kind = VALUE_COUNT_CHANGE, .number = (uint64_t)change };
}

static inline struct value value_real(double number)
{
	return (struct value){ .kind = VALUE_REAL, .fraction = number };
}

#endif
