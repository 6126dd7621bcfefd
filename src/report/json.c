/* SPDX-License-Identifier: MIT */
/*
 * JSON: one object, groups indented, the rows of a table one to a line (so that a list can be read line by line as well).
 */
#include <math.h>

#include "base/text.h"
#include "report/format.h"

static void indent(struct writer *writer)
{
	output_repeat(&writer->output, ' ', writer->depth * 2);
}

/* What stands before an item: the comma of the one before, a new line, the indentation. */
static void item(struct writer *writer)
{
	if (writer->has_previous)
		output_byte(&writer->output, ',');
	output_byte(&writer->output, '\n');
	indent(writer);
	writer->has_previous = true;
}

static void key(struct writer *writer, const char *name)
{
	item(writer);
	output_json_string(&writer->output, name, strlen(name));
	output_bytes(&writer->output, ": ", 2);
}

static void bracket_open(struct writer *writer, char bracket)
{
	output_byte(&writer->output, bracket);
	writer->depth++;
	writer->has_previous = false;
}

static void bracket_close(struct writer *writer, char bracket)
{
	writer->depth--;
	if (writer->has_previous) {
		output_byte(&writer->output, '\n');
		indent(writer);
	}
	output_byte(&writer->output, bracket);
	writer->has_previous = true;
}

static void put_escaped(struct output *output, const char *string)
{
	_cleanup_free_ char *escaped = text_escape(string, strlen(string));

	output_json_string(output, escaped, strlen(escaped));
}

static void put(struct output *output, struct value value)
{
	char time[32];

	switch (value.kind) {
	case VALUE_NONE:
		break;
	case VALUE_BYTES:
	case VALUE_COUNT:
	case VALUE_NUMBER:
		output_number(output, value.number);
		return;
	case VALUE_SHARE:
	case VALUE_CONFIDENCE:
		output_fraction(output, value.fraction);
		return;
	case VALUE_DURATION:
		format_milliseconds(output, value.number);
		return;
	case VALUE_TIME:
		format_time(time, sizeof(time), (int64_t)value.number);
		output_json_string(output, time, strlen(time));
		return;
	case VALUE_ADDRESS:
		output_byte(output, '"');
		output_hex(output, value.number);
		output_byte(output, '"');
		return;
	case VALUE_WORD:
		if (!value.string)
			break;
		output_json_string(output, value.string, strlen(value.string));
		return;
	case VALUE_TEXT:
		if (!value.string)
			break;
		put_escaped(output, value.string);
		return;
	case VALUE_FLAG:
		output_string(output, value.number ? "true" : "false");
		return;
	case VALUE_INTEGER:
	case VALUE_BYTES_CHANGE:
	case VALUE_COUNT_CHANGE:
		output_format(output, "%" PRId64, (int64_t)value.number);
		return;
	case VALUE_REAL:
		if (!isfinite(value.fraction))
			break;
		output_format(output, "%.15g", value.fraction);
		return;
	}
	output_bytes(output, "null", 4);
}

static void field(struct writer *writer, const char *name, struct value value)
{
	key(writer, name);
	put(&writer->output, value);
}

static void begin(struct writer *writer, const char *command)
{
	bracket_open(writer, '{');
	field(writer, "schema", value_word(WRITER_SCHEMA));
	field(writer, "command", value_word(command));
}

static void finish(struct writer *writer)
{
	bracket_close(writer, '}');
	output_byte(&writer->output, '\n');
}

static void group_begin(struct writer *writer, const char *name)
{
	key(writer, name);
	bracket_open(writer, '{');
}

static void group_end(struct writer *writer)
{
	bracket_close(writer, '}');
}

static void strings(struct writer *writer, const char *name, const char *const *list, size_t count)
{
	key(writer, name);
	bracket_open(writer, '[');
	for (size_t i = 0; i < count; i++) {
		item(writer);
		put_escaped(&writer->output, list[i]);
	}
	bracket_close(writer, ']');
}

static void table_begin(struct writer *writer)
{
	key(writer, writer->table->key);
	bracket_open(writer, '[');
}

static void row(struct writer *writer, const struct value *values)
{
	const struct table *table = writer->table;
	struct output *output = &writer->output;
	bool first = true;

	item(writer);
	output_byte(output, '{');
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *name = table->columns[i].key;

		if (!name)
			continue;
		if (!first)
			output_bytes(output, ", ", 2);
		output_json_string(output, name, strlen(name));
		output_bytes(output, ": ", 2);
		put(output, values[i]);
		first = false;
	}
	output_byte(output, '}');
}

static void table_end(struct writer *writer)
{
	bracket_close(writer, ']');
}

static void print(struct writer *writer, enum style style, const char *format, va_list args)
{
	(void)writer, (void)style, (void)format, (void)args;
}

const struct writer_ops format_json = {
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
