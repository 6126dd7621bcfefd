/* SPDX-License-Identifier: MIT */
#include "report/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

void output_init(struct output *output, int fd)
{
	*output = (struct output){ .fd = fd, .buffer = xmalloc(OUTPUT_CAPACITY) };
}

void output_deinit(struct output *output)
{
	free(output->buffer);
	*output = (struct output){ .fd = -1 };
}

static void write_out(struct output *output, const char *bytes, size_t length)
{
	while (length && !output->errnum) {
		ssize_t written = write(output->fd, bytes, length);

		if (written < 0) {
			if (errno == EINTR)
				continue;
			output->errnum = errno;
			return;
		}
		bytes += written;
		length -= (size_t)written;
	}
}

void output_flush(struct output *output)
{
	write_out(output, output->buffer, output->used);
	output->used = 0;
}

void output_bytes(struct output *output, const char *bytes, size_t length)
{
	if (length > OUTPUT_CAPACITY - output->used) {
		output_flush(output);
		if (length > OUTPUT_CAPACITY) {
			write_out(output, bytes, length);
			return;
		}
	}
	if (length)
		memcpy(output->buffer + output->used, bytes, length);
	output->used += length;
}

void output_format(struct output *output, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = xvasprintf(format, args);
	va_end(args);
	output_string(output, text);
}

void output_repeat(struct output *output, char byte, size_t count)
{
	while (count--)
		output_byte(output, byte);
}

void output_json_string(struct output *output, const char *string, size_t length)
{
	output_byte(output, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)string[i];

		if (c == '"' || c == '\\') {
			output_byte(output, '\\');
			output_byte(output, (char)c);
		} else if (c < 0x20) {
			output_bytes(output, "\\u00", 4);
			output_byte(output, "01"[c >> 4]);
			output_byte(output, "0123456789abcdef"[c & 15]);
		} else {
			output_byte(output, (char)c);
		}
	}
	output_byte(output, '"');
}

void output_csv_string(struct output *output, const char *string, size_t length)
{
	bool quoted = false;

	for (size_t i = 0; i < length && !quoted; i++)
		quoted = string[i] == ',' || string[i] == '"' || string[i] == '\n' ||
			 string[i] == '\r';
	if (!quoted) {
		output_bytes(output, string, length);
		return;
	}
	output_byte(output, '"');
	for (size_t i = 0; i < length; i++) {
		if (string[i] == '"')
			output_byte(output, '"');
		output_byte(output, string[i]);
	}
	output_byte(output, '"');
}

void output_fraction(struct output *output, double fraction)
{
	// Also false for what is not a number.
	uint64_t millionths = fraction >= 0 && fraction < 1e9 ? (uint64_t)(fraction * 1e6 + 0.5)
							      : 0;
	char *at = output_room(output, OUTPUT_NUMBER_MAX);
	size_t length = output_digits(at, millionths / 1000000);

	at[length++] = '.';
	millionths %= 1000000;
	for (unsigned i = 6; i > 0; i--, millionths /= 10)
		at[length + i - 1] = (char)('0' + millionths % 10);
	output->used += length + 6;
}

struct error *output_finish(struct output *output)
{
	output_flush(output);
	if (!output->errnum || output->errnum == EPIPE)
		return NULL;
	return error_os(output->errnum, "cannot write the output");
}
