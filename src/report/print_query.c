/* SPDX-License-Identifier: MIT */
#include "report/print_query.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* The columns of a table, made for one query. Names are owned. */
struct made_columns {
	struct column columns[TABLE_COLUMNS_MAX];
	char *names[TABLE_COLUMNS_MAX];
	size_t n;
};

static bool is_taken(const struct made_columns *made, const char *name)
{
	for (size_t i = 0; i < made->n; i++)
		if (!strcmp(made->names[i], name))
			return true;
	return false;
}

/* A name that no column has yet, since an object of JSON has each but once: «id», «id_2». */
static char *free_name(const struct made_columns *made, const char *wanted)
{
	char *name = text_escape(wanted, strlen(wanted));

	if (!is_taken(made, name))
		return name;
	for (unsigned number = 2;; number++) {
		char *numbered = xasprintf("%s_%u", name, number);

		if (!is_taken(made, numbered)) {
			free(name);
			return numbered;
		}
		free(numbered);
	}
}

static bool is_number(enum cell_kind kind)
{
	return kind == CELL_INTEGER || kind == CELL_REAL;
}

/* The first row tells what a column holds: numbers stand at the right edge. */
static void columns_make(const struct query *query, bool is_row, struct made_columns *made)
{
	made->n = 0;
	for (size_t i = 0; i < query_columns(query); i++) {
		char *name = free_name(made, query_column(query, i));

		made->columns[i] = (struct column){
			.key = name,
			.title = name,
			.flags = is_row && is_number(query_cell(query, i).kind) ? COLUMN_RIGHT : 0,
		};
		made->names[made->n++] = name;
	}
}

static void columns_free(struct made_columns *made)
{
	for (size_t i = 0; i < made->n; i++)
		free(made->names[i]);
}

/* Bytes as SQL writes them: x'00ff'. */
static char *blob_text(const struct cell *cell)
{
	char *text = xmalloc(cell->size * 2 + 4), *at = text;

	at += sprintf(at, "x'");
	for (size_t i = 0; i < cell->size; i++)
		at += sprintf(at, "%02x", (unsigned char)cell->bytes[i]);
	strcpy(at, "'");
	return text;
}

static void print_row(struct writer *writer, const struct query *query, size_t n)
{
	struct value values[TABLE_COLUMNS_MAX];
	char *owned[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < n; i++) {
		struct cell cell = query_cell(query, i);

		owned[i] = NULL;
		switch (cell.kind) {
		case CELL_NULL:
			values[i] = value_none();
			break;
		case CELL_INTEGER:
			values[i] = value_integer(cell.integer);
			break;
		case CELL_REAL:
			values[i] = value_real(cell.real);
			break;
		case CELL_TEXT:
			values[i] = value_text(cell.bytes);
			break;
		case CELL_BLOB:
			owned[i] = blob_text(&cell);
			values[i] = value_word(owned[i]);
			break;
		}
	}
	writer_row(writer, values);
	for (size_t i = 0; i < n; i++)
		free(owned[i]);
}

struct error *print_query(struct writer *writer, struct query *query, uint64_t limit)
{
	struct made_columns made;
	bool is_row;
	uint64_t rows = 0;

	if (query_columns(query) > TABLE_COLUMNS_MAX)
		return error_create(ERROR_USAGE, "the query has %zu columns; %d can be shown",
				    query_columns(query), TABLE_COLUMNS_MAX);

	struct error *error = query_next(query, &is_row);

	if (error)
		return error;
	columns_make(query, is_row, &made);

	struct table table = {
		.key = "rows", .columns = made.columns, .n_columns = made.n, .is_main = true
	};

	writer_table_begin(writer, &table);
	while (!error && is_row && (!limit || rows < limit) && !writer_is_dead(writer)) {
		print_row(writer, query, made.n);
		rows++;
		error = query_next(query, &is_row);
	}
	writer_table_end(writer);
	columns_free(&made);
	return error;
}

/* «chunk        id, address, size»: the tables as people read them. */
static struct error *print_tables(struct writer *writer, struct query *query)
{
	enum { INDENT = 14, WIDTH = 80 };
	char *table = xstrdup("");
	size_t column = 0;
	bool is_row;
	struct error *error;

	while (!(error = query_next(query, &is_row)) && is_row) {
		const char *name = query_cell(query, 0).bytes, *field = query_cell(query, 1).bytes;
		size_t length = strlen(field);

		if (strcmp(table, name)) {
			free(table);
			table = xstrdup(name);
			writer_print(writer, STYLE_BOLD, "%s%-*s", column ? "\n" : "", INDENT - 1,
				     table);
			writer_print(writer, STYLE_PLAIN, " %s", field);
			column = INDENT + length;
		} else if (column + 2 + length >= WIDTH) {
			writer_print(writer, STYLE_PLAIN, ",\n%*s%s", INDENT, "", field);
			column = INDENT + length;
		} else {
			writer_print(writer, STYLE_PLAIN, ", %s", field);
			column += 2 + length;
		}
	}
	writer_print(writer, STYLE_PLAIN, "\n");
	free(table);
	return error;
}

struct error *print_schema(struct writer *writer, struct query *query)
{
	return writer_options(writer)->format == FORMAT_TEXT ? print_tables(writer, query)
							     : print_query(writer, query, 0);
}
