/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 has it, with plain line feeds: the main table of a report and nothing else.
 */
#include <math.h>

#include "base/text.h"
#include "report/format.h"

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

static void table_begin(struct writer *writer)
{
	const struct table *table = writer->table;
	bool first = true;

	if (!table->is_main)
		return;
	for (size_t i = 0; i < table->n_columns; i++) {
		if (!table->columns[i].key)
			continue;
		if (!first)
			output_byte(&writer->output, ',');
		output_csv_string(&writer->output, table->columns[i].key,
				  strlen(table->columns[i].key));
		first = false;
	}
	output_byte(&writer->output, '\n');
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
		break;
	case VALUE_SHARE:
	case VALUE_CONFIDENCE:
		output_fraction(output, value.fraction);
		break;
	case VALUE_DURATION:
		format_milliseconds(output, value.number);
		break;
	case VALUE_TIME:
		format_time(time, sizeof(time), (int64_t)value.number);
		output_string(output, time);
		break;
	case VALUE_ADDRESS:
		output_hex(output, value.number);
		break;
	case VALUE_WORD:
		if (value.string)
			output_csv_string(output, value.string, strlen(value.string));
		break;
	case VALUE_TEXT:
		if (value.string) {
			_cleanup_free_ char *escaped = text_escape(value.string,
								   strlen(value.string));

			output_csv_string(output, escaped, strlen(escaped));
		}
		break;
	case VALUE_FLAG:
		output_string(output, value.number ? "true" : "false");
		break;
	case VALUE_INTEGER:
	case VALUE_BYTES_CHANGE:
	case VALUE_COUNT_CHANGE:
		output_format(output, "%" PRId64, (int64_t)value.number);
		break;
	case VALUE_REAL:
		if (isfinite(value.fraction))
			output_format(output, "%.15g", value.fraction);
		break;
	}
}

static void row(struct writer *writer, const struct value *values)
{
	const struct table *table = writer->table;
	struct output *output = &writer->output;
	bool first = true;

	if (!table->is_main)
		return;
	for (size_t i = 0; i < table->n_columns; i++) {
		if (!table->columns[i].key)
			continue;
		if (!first)
			output_byte(output, ',');
		put(output, values[i]);
		first = false;
	}
	output_byte(output, '\n');
}

static void table_end(struct writer *writer)
{
	(void)writer;
}

static void print(struct writer *writer, enum style style, const char *format, va_list args)
{
	(void)writer, (void)style, (void)format, (void)args;
}

const struct writer_ops format_csv = {
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
