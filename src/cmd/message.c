/* SPDX-License-Identifier: MIT */
#include "cmd/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/progress.h"

/* What a message quotes may be escaped already, so a backslash stays one: text_escape() doubles it, this takes that back. */
static void halve_backslashes(char *text)
{
	char *out = text;

	for (const char *in = text; *in;) {
		if (!strncmp(in, "\\x5c", 4)) {
			*out++ = '\\';
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
}

/* Messages may have lines; each may quote the target. */
static void print_lines(const char *text)
{
	progress_hide();
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		_cleanup_free_ char *escaped = text_escape(line, length);

		halve_backslashes(escaped);
		fprintf(stderr, "%s%s\n", line == text ? "heapsnap: " : "          ", escaped);
		line += length + (line[length] == '\n');
	}
}

void message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	_cleanup_free_ char *text = xvasprintf(format, args);
	va_end(args);
	print_lines(text);
}

enum status error_status(const struct error *error)
{
	switch (error->code) {
	case ERROR_USAGE:
		return STATUS_USAGE;
	case ERROR_UNSUPPORTED:
		return STATUS_UNSUPPORTED;
	case ERROR_OS:
	case ERROR_FAULT:
	case ERROR_FORMAT:
	case ERROR_NODEBUG:
		break;
	}
	return STATUS_UNREADABLE;
}

enum status message_error(struct error *error)
{
	enum status status = error_status(error);

	print_lines(error->message);
	error_destroy(error);
	return status;
}
