/* SPDX-License-Identifier: MIT */
#include "report/paragraph.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

/* No narrower than this. */
enum { WIDTH_MIN = 40 };

void print_paragraph(struct writer *writer, size_t indent, const char *text)
{
	size_t width = writer_options(writer)->width, column = indent;

	if (width < WIDTH_MIN)
		width = WIDTH_MIN;
	writer_print(writer, STYLE_PLAIN, "%*s", (int)indent, "");
	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, " ");
		_cleanup_free_ char *word = xstrndup(text, length);
		size_t taken = writer_width(word);

		if (!first && column + 1 + taken > width) {
			writer_print(writer, STYLE_PLAIN, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			writer_print(writer, STYLE_PLAIN, " ");
			column++;
		}
		writer_print(writer, STYLE_PLAIN, "%s", word);
		column += taken;
		text += length + (text[length] != '\0');
	}
	writer_print(writer, STYLE_PLAIN, "\n");
}
