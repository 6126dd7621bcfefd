/* SPDX-License-Identifier: MIT */
/*
 * Text for eyes. A table is kept until its end, since only then the widths of its columns are known, or for as many rows as tell them well enough; a
 * streamed one has its widths from the start. A value that is wider pushes its own row alone.
 */
#include "base/text.h"
#include "report/format.h"

enum {
	GAP = 2,
	BAR_MAX = 30,
	BAR_MIN = 8,
	/** A column of fewer characters tells nothing. */
	CUT_MIN = 12,
	/** A column that others follow is no wider. */
	WIDE_MAX = 64,
	/** So many rows are kept before the first is printed. */
	KEPT_MAX = 10000,
};

static void begin(struct writer *writer, const char *command)
{
	(void)writer, (void)command;
}

static void finish(struct writer *writer)
{
	(void)writer;
}

static void field(struct writer *writer, const char *key, struct value value)
{
	(void)writer, (void)key, (void)value;
}

static void group_begin(struct writer *writer, const char *key)
{
	(void)writer, (void)key;
}

static void group_end(struct writer *writer)
{
	(void)writer;
}

static void strings(struct writer *writer, const char *key, const char *const *list, size_t count)
{
	(void)writer, (void)key, (void)list, (void)count;
}

static void style_begin(struct writer *writer, enum style style)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = NULL,	    [STYLE_BOLD] = "\033[1m",  [STYLE_GOOD] = "\033[32m",
		[STYLE_BAD] = "\033[1;31m", [STYLE_FAINT] = "\033[2m",
	};

	if (writer->options.has_color && codes[style])
		output_string(&writer->output, codes[style]);
}

static void style_end(struct writer *writer, enum style style)
{
	if (writer->options.has_color && style != STYLE_PLAIN)
		output_string(&writer->output, "\033[0m");
}

static void print(struct writer *writer, enum style style, const char *format, va_list args)
{
	_cleanup_free_ char *text = xvasprintf(format, args);
	size_t length = strlen(text);
	bool has_newline = length && text[length - 1] == '\n';

	style_begin(writer, style);
	output_bytes(&writer->output, text, length - has_newline);
	style_end(writer, style);
	if (has_newline)
		output_byte(&writer->output, '\n');
}

static bool is_bar(const struct column *column)
{
	return column->flags & COLUMN_BAR;
}

/* Bars are drawn beside the cells and have no heading. */
static bool is_shown(const struct column *column)
{
	return column->title && !is_bar(column);
}

/* One cell: the gap to the cell before, and the text at its edge. The last cell of a row gets no blanks behind it. */
static void cell(struct writer *writer, const char *text, size_t width, bool right, bool first,
		 bool last)
{
	struct output *output = &writer->output;
	size_t length = writer_width(text), blanks = width > length ? width - length : 0;

	if (!first)
		output_repeat(output, ' ', GAP);
	if (right)
		output_repeat(output, ' ', blanks);
	output_string(output, text);
	if (!right && !last)
		output_repeat(output, ' ', blanks);
}

static size_t last_shown(const struct writer *writer)
{
	size_t last = 0;

	for (size_t i = 0; i < writer->table->n_columns; i++)
		if (is_shown(&writer->table->columns[i]))
			last = i;
	return last;
}

static void headings(struct writer *writer, const size_t *widths)
{
	const struct table *table = writer->table;
	size_t last = last_shown(writer);
	bool first = true, any = false;

	for (size_t i = 0; i < table->n_columns; i++)
		any |= is_shown(&table->columns[i]) && table->columns[i].title[0];
	if (table->is_bare || !any)
		return;
	style_begin(writer, STYLE_BOLD);
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct column *column = &table->columns[i];

		if (!is_shown(column))
			continue;
		cell(writer, column->title, widths[i], column->flags & COLUMN_RIGHT, first,
		     i == last);
		first = false;
	}
	style_end(writer, STYLE_BOLD);
	output_byte(&writer->output, '\n');
}

static void table_begin(struct writer *writer)
{
	const struct table *table = writer->table;
	size_t widths[TABLE_COLUMNS_MAX];

	writer->has_widths = false;
	if (!table->is_streamed)
		return;
	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = table->columns[i].width;
	headings(writer, widths);
}

/* The kinds that a long list is made of are written without a detour; the rest may take one. */
static size_t streamed_text(const struct writer *writer, struct value value,
			    char buffer[OUTPUT_NUMBER_MAX], const char **ret)
{
	*ret = buffer;
	switch (value.kind) {
	case VALUE_ADDRESS:
		return output_hex_digits(buffer, value.number);
	case VALUE_NUMBER:
		return output_digits(buffer, value.number);
	case VALUE_BYTES:
		if (writer->options.plain_bytes)
			return output_digits(buffer, value.number);
		return strlen(text_bytes(buffer, value.number, false));
	case VALUE_WORD:
		*ret = value.string ? value.string : "-";
		return strlen(*ret);
	case VALUE_NONE:
		*ret = "-";
		return 1;
	case VALUE_COUNT:
	case VALUE_SHARE:
	case VALUE_CONFIDENCE:
	case VALUE_DURATION:
	case VALUE_TIME:
	case VALUE_TEXT:
	case VALUE_FLAG:
	case VALUE_INTEGER:
	case VALUE_BYTES_CHANGE:
	case VALUE_COUNT_CHANGE:
	case VALUE_REAL:
		break;
	}
	*ret = NULL;
	return 0;
}

static void streamed_row(struct writer *writer, const struct value *values)
{
	const struct table *table = writer->table;
	struct output *output = &writer->output;
	size_t last = last_shown(writer);
	bool first = true;

	for (size_t i = 0; i < table->n_columns; i++) {
		const struct column *column = &table->columns[i];
		_cleanup_free_ char *owned = NULL;
		char buffer[OUTPUT_NUMBER_MAX];
		const char *text;

		if (!is_shown(column))
			continue;
		size_t length = streamed_text(writer, values[i], buffer, &text), width = length;

		if (!text) {
			text = owned = writer_format_value(writer, values[i]);
			length = strlen(text);
			width = writer_width(text);
		}
		size_t blanks = column->width > width ? column->width - width : 0;

		if (!first)
			output_repeat(output, ' ', GAP);
		if (column->flags & COLUMN_RIGHT)
			output_repeat(output, ' ', blanks);
		output_bytes(output, text, length);
		if (!(column->flags & COLUMN_RIGHT) && i != last)
			output_repeat(output, ' ', blanks);
		first = false;
	}
	output_byte(output, '\n');
}

/* A bar of eighths of a character where the terminal has them. */
static void put_bar(struct writer *writer, double fraction, size_t width)
{
	struct output *output = &writer->output;

	// Also false for what is not a number.
	if (!(fraction > 0 && fraction <= 1))
		return;

	unsigned parts = writer->options.has_utf8 ? 8 : 1;
	size_t eighths = (size_t)(fraction * (double)width * parts + 0.5);

	if (!eighths)
		return;
	output_repeat(output, ' ', GAP);
	style_begin(writer, STYLE_GOOD);
	if (writer->options.has_utf8) {
		for (size_t i = 0; i < eighths / 8; i++)
			output_string(output, "\u2588");
		if (eighths % 8)
			output_bytes(output, (char[]){ '\xe2', '\x96', (char)(0x90 - eighths % 8) },
				     3);
	} else {
		output_repeat(output, '#', eighths);
	}
	style_end(writer, STYLE_GOOD);
}

/* Cuts a text column to the room there is, so that rows stay lines. */
static void cut(char *text, size_t width)
{
	if (writer_width(text) <= width)
		return;
	// The end of a path or a sentence tells less than its start; three dots say that there is more.
	char *at = text;

	for (size_t keep = width > 3 ? width - 3 : 0; keep; keep--)
		do
			at++;
		while ((*at & 0xc0) == 0x80);
	memcpy(at, "...", 4);
}

/* The bars of a table: in which column their lengths are, and the longest. */
struct bars {
	size_t column;
	double longest;
	/** Room for them; 0 for none. */
	size_t width;
};

static struct bars bars_find(const struct writer *writer, size_t used)
{
	const struct table *table = writer->table;
	struct bars bars = { .column = table->n_columns };
	size_t screen = writer->options.width;

	for (size_t i = 0; i < table->n_columns; i++)
		if (is_bar(&table->columns[i]))
			bars.column = i;
	if (bars.column == table->n_columns || !writer->options.is_terminal ||
	    screen < used + GAP + BAR_MIN)
		return bars;
	bars.width = screen - used - GAP < BAR_MAX ? screen - used - GAP : BAR_MAX;
	for (size_t i = bars.column; i < writer->bars.n; i += table->n_columns)
		if (writer->bars.v[i] > bars.longest)
			bars.longest = writer->bars.v[i];
	return bars;
}

/* Finds the widths from the rows that are kept. */
static void measure(struct writer *writer, size_t rows)
{
	const struct table *table = writer->table;
	size_t n = table->n_columns, used = 0, shown = 0, *widths = writer->widths;
	size_t last = last_shown(writer), screen = writer->options.width;

	for (size_t i = 0; i < n; i++) {
		widths[i] = 0;
		if (!is_shown(&table->columns[i]))
			continue;
		widths[i] = table->is_bare ? 0 : writer_width(table->columns[i].title);
		for (size_t j = 0; j < rows; j++) {
			size_t width = writer_width(writer->cells.v[j * n + i]);

			// A name that is longer pushes its own row alone, not all the others.
			if (width > widths[i] && (i == last || width <= WIDE_MAX))
				widths[i] = width;
		}
		used += widths[i] + (shown++ ? GAP : 0);
	}
	// Only the last column may be cut, and only for a terminal: a file has no edge.
	if (writer->options.is_terminal && used > screen &&
	    !(table->columns[last].flags & COLUMN_RIGHT) && widths[last] > used - screen + CUT_MIN)
		widths[last] -= used - screen;
}

static size_t widths_used(const struct writer *writer)
{
	const struct table *table = writer->table;
	size_t used = 0, shown = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		if (is_shown(&table->columns[i]))
			used += writer->widths[i] + (shown++ ? GAP : 0);
	return used;
}

static void kept_row(struct writer *writer, size_t j, const struct bars *bars)
{
	const struct table *table = writer->table;
	size_t n = table->n_columns, last = last_shown(writer);
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		if (!is_shown(&table->columns[i]))
			continue;
		cell(writer, writer->cells.v[j * n + i], writer->widths[i],
		     table->columns[i].flags & COLUMN_RIGHT, first, i == last);
		first = false;
	}
	if (bars->longest > 0)
		put_bar(writer, writer->bars.v[j * n + bars->column] / bars->longest, bars->width);
	output_byte(&writer->output, '\n');
}

/* Prints the rows that are kept. */
static void print_kept(struct writer *writer)
{
	const struct table *table = writer->table;
	size_t n = table->n_columns, rows = n ? writer->cells.n / n : 0;
	size_t last = last_shown(writer);

	if (rows && !writer->has_widths) {
		measure(writer, rows);
		headings(writer, writer->widths);
		writer->has_widths = true;
	}

	struct bars bars = bars_find(writer, widths_used(writer));

	// A table that is for programs alone has nothing to show.
	for (size_t j = 0; j < rows && is_shown(&table->columns[last]); j++) {
		if (writer->options.is_terminal && !(table->columns[last].flags & COLUMN_RIGHT))
			cut(writer->cells.v[j * n + last], writer->widths[last]);
		kept_row(writer, j, &bars);
	}
	for (size_t i = 0; i < writer->cells.n; i++)
		free(writer->cells.v[i]);
	writer->cells.n = 0;
	writer->bars.n = 0;
}

static void row(struct writer *writer, const struct value *values)
{
	const struct table *table = writer->table;

	if (table->is_streamed) {
		streamed_row(writer, values);
		return;
	}
	for (size_t i = 0; i < table->n_columns; i++) {
		bool bar = is_bar(&table->columns[i]);

		array_append(&writer->bars,
			     bar && values[i].kind == VALUE_SHARE ? values[i].fraction : 0);
		array_append(&writer->cells,
			     bar ? xstrdup("") : writer_format_value(writer, values[i]));
	}
	if (writer->cells.n >= KEPT_MAX * table->n_columns)
		print_kept(writer);
}

static void table_end(struct writer *writer)
{
	if (!writer->table->is_streamed)
		print_kept(writer);
}

const struct writer_ops format_text = {
	.begin = begin,
	.finish = finish,
	.field = field,
	.group_begin = group_begin,
	.group_end = group_end,
	.strings = strings,
	.table_begin = table_begin,
	.row = row,
	.table_end = table_end,
	.print = print,
};
