/* SPDX-License-Identifier: MIT */
#include "report/writer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/format.h"

struct writer *writer_create(const struct writer_options *options)
{
	static const struct writer_ops *const formats[] = {
		[FORMAT_TEXT] = &format_text,
		[FORMAT_JSON] = &format_json,
		[FORMAT_CSV] = &format_csv,
	};
	struct writer *writer = xcalloc(1, sizeof(*writer));

	writer->ops = formats[options->format];
	writer->options = *options;
	output_init(&writer->output, options->fd);
	return writer;
}

void writer_destroy(struct writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->cells.n; i++)
		free(writer->cells.v[i]);
	array_deinit(&writer->cells);
	array_deinit(&writer->bars);
	output_deinit(&writer->output);
	free(writer);
}

void writer_begin(struct writer *writer, const char *command)
{
	writer->ops->begin(writer, command);
}

void writer_flush(struct writer *writer)
{
	output_flush(&writer->output);
}

struct error *writer_finish(struct writer *writer)
{
	assert(!writer->table);
	writer->ops->finish(writer);
	return output_finish(&writer->output);
}

bool writer_is_dead(const struct writer *writer)
{
	return output_is_dead(&writer->output);
}

const struct writer_options *writer_options(const struct writer *writer)
{
	return &writer->options;
}

void writer_field(struct writer *writer, const char *key, struct value value)
{
	writer->ops->field(writer, key, value);
}

void writer_group_begin(struct writer *writer, const char *key)
{
	writer->ops->group_begin(writer, key);
}

void writer_group_end(struct writer *writer)
{
	writer->ops->group_end(writer);
}

void writer_strings(struct writer *writer, const char *key, const char *const *strings,
		    size_t count)
{
	writer->ops->strings(writer, key, strings, count);
}

void writer_table_begin(struct writer *writer, const struct table *table)
{
	assert(!writer->table && table->n_columns <= TABLE_COLUMNS_MAX);
	writer->table = table;
	writer->ops->table_begin(writer);
}

void writer_row(struct writer *writer, const struct value *values)
{
	writer->ops->row(writer, values);
}

void writer_table_end(struct writer *writer)
{
	writer->ops->table_end(writer);
	writer->table = NULL;
}

void writer_print(struct writer *writer, enum style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	writer->ops->print(writer, style, format, args);
	va_end(args);
}

size_t writer_width(const char *string)
{
	size_t width = 0;

	for (; *string; string++)
		width += (*string & 0xc0) != 0x80;
	return width;
}

void format_milliseconds(struct output *output, uint64_t nanoseconds)
{
	uint64_t microseconds = nanoseconds / 1000 + (nanoseconds % 1000 >= 500);

	output_format(output, "%" PRIu64 ".%03u", microseconds / 1000,
		      (unsigned)(microseconds % 1000));
}

void format_time(char *buffer, size_t size, int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&when, &utc) || !strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &utc))
		buffer[0] = '\0';
}

/* «+1.25 MiB», «-3», «0». */
static char *format_change(const struct writer *writer, struct value value)
{
	int64_t change = (int64_t)value.number;
	uint64_t magnitude = change < 0 ? 0 - value.number : value.number;
	char number[TEXT_NUMBER_MAX];

	if (value.kind == VALUE_BYTES_CHANGE)
		text_bytes(number, magnitude, writer->options.plain_bytes);
	else
		text_count(number, magnitude);
	return xasprintf("%s%s", change < 0 ? "-" : change ? "+" : "", number);
}

char *writer_format_value(const struct writer *writer, struct value value)
{
	char number[TEXT_NUMBER_MAX], address[OUTPUT_NUMBER_MAX];

	switch (value.kind) {
	case VALUE_NONE:
		break;
	case VALUE_BYTES:
		return xstrdup(text_bytes(number, value.number, writer->options.plain_bytes));
	case VALUE_COUNT:
		return xstrdup(text_count(number, value.number));
	case VALUE_NUMBER:
		return xasprintf("%" PRIu64, value.number);
	case VALUE_SHARE:
		return xasprintf("%.1f %%", value.fraction * 100);
	case VALUE_CONFIDENCE:
		return xasprintf("%.0f %%", value.fraction * 100);
	case VALUE_DURATION:
		// Three digits tell enough of a pause: 0.53 ms, 14.2 ms, 1,204 ms.
		if (value.number >= 99950000)
			return xasprintf("%s ms",
					 text_count(number, (value.number + 500000) / 1000000));
		return xasprintf("%.*f ms", value.number < 9995000 ? 2 : 1,
				 (double)value.number / 1e6);
	case VALUE_TIME:
		format_time(address, sizeof(address), (int64_t)value.number);
		return xstrdup(address);
	case VALUE_ADDRESS:
		return xstrndup(address, output_hex_digits(address, value.number));
	case VALUE_WORD:
		if (value.string)
			return xstrdup(value.string);
		break;
	case VALUE_TEXT:
		if (value.string)
			return text_escape(value.string, strlen(value.string));
		break;
	case VALUE_FLAG:
		return xstrdup(value.number ? "yes" : "no");
	case VALUE_INTEGER:
		return xasprintf("%" PRId64, (int64_t)value.number);
	case VALUE_BYTES_CHANGE:
	case VALUE_COUNT_CHANGE:
		return format_change(writer, value);
	case VALUE_REAL:
		if (isfinite(value.fraction))
			return xasprintf("%.15g", value.fraction);
		break;
	}
	return xstrdup("-");
}

char *writer_prose_bytes(const struct writer *writer, uint64_t bytes)
{
	if (writer->options.plain_bytes && bytes != UINT64_MAX)
		return xasprintf("%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	return writer_format_value(writer, value_known_bytes(bytes));
}
