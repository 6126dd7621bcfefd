/* SPDX-License-Identifier: MIT */
#include "report/print_growth.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/size_label.h"

enum {
	/** More would be no sentence. */
	CAUSES_MAX = 4,
	/** Sizes that a cause names. */
	SIZES_MAX = 8,
};

const char *trend_text(char buffer[TREND_BYTES], const struct writer *writer, const uint64_t *bytes,
		       size_t steps)
{
	uint64_t low = UINT64_MAX, high = 0;
	size_t shown = steps < TREND_MAX ? steps : TREND_MAX;
	char *at = buffer;

	for (size_t i = 0; i < steps; i++) {
		low = bytes[i] < low ? bytes[i] : low;
		high = bytes[i] > high ? bytes[i] : high;
	}
	for (size_t i = 0; i < shown; i++) {
		// The first and the last are always among them.
		uint64_t value = bytes[shown > 1 ? i * (steps - 1) / (shown - 1) : 0];
		double part = high > low ? (double)(value - low) / (double)(high - low) : 0;

		if (writer_options(writer)->has_utf8) {
			// U+2581 to U+2588, eighths of a character.
			*at++ = '\xe2';
			*at++ = '\x96';
			*at++ = (char)(0x81 + (int)(part * 7 + 0.5));
		} else {
			*at++ = (char)('0' + (int)(part * 9 + 0.5));
		}
	}
	*at = '\0';
	return buffer;
}

char *count_phrase(int64_t change, const char *what)
{
	uint64_t magnitude = change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
	char number[TEXT_NUMBER_MAX];

	return xasprintf("%s %s%s%s", text_count(number, magnitude), change < 0 ? "fewer" : "more",
			 *what ? " " : "", what);
}

/* «1,032, 8 x 40 and 56 bytes»: the sizes of a cause. */
static char *sizes_phrase(const struct writer *writer, const struct growth *growth,
			  const struct growth_cause *cause)
{
	size_t n = cause->parts.n, named = n <= SIZES_MAX ? n : SIZES_MAX - 1;
	char *phrase = xstrdup("");

	for (size_t i = 0; i < named; i++) {
		const struct growth_part *part = &cause->parts.v[i];
		const struct growth_row *row = &growth->rows.v[part->row];
		_cleanup_free_ char *label = i + 1 < n ? size_label(writer, row->min, row->max)
						       : size_phrase(writer, row->min, row->max);
		_cleanup_free_ char *times = part->times > 1
						     ? xasprintf("%" PRIu64 " x ", part->times)
						     : xstrdup("");
		char *longer = xasprintf("%s%s%s%s", phrase,
					 !i	      ? ""
					 : i + 1 == n ? " and "
						      : ", ",
					 times, label);

		free(phrase);
		phrase = longer;
	}
	if (named == n)
		return phrase;

	char *whole = xasprintf("%s and %zu more sizes", phrase, n - named);

	free(phrase);
	return whole;
}

/* «3,968 more of 8,200 bytes (+31.0 MiB)». */
static char *cause_phrase(const struct writer *writer, const struct growth *growth,
			  const struct growth_cause *cause)
{
	_cleanup_free_ char *sizes = sizes_phrase(writer, growth, cause);
	_cleanup_free_ char *bytes = writer_format_value(writer, value_bytes_change(cause->bytes));

	// In a range there can be fewer chunks that are larger.
	if (!cause->count || (cause->count < 0) != (cause->bytes < 0))
		return xasprintf("%s ones among those of %s (%s)",
				 cause->bytes < 0 ? "smaller" : "larger", sizes, bytes);

	_cleanup_free_ char *count = count_phrase(cause->count, "");

	return xasprintf("%s %sof %s (%s)", count, cause->parts.n > 1 ? "each " : "", sizes, bytes);
}

void print_paragraph(struct writer *writer, const char *text)
{
	size_t width = writer_options(writer)->width, column = 0;

	if (width < 40)
		width = 40;
	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, " ");
		_cleanup_free_ char *word = xstrndup(text, length);
		size_t taken = writer_width(word);

		if (!first && column + 1 + taken > width) {
			writer_print(writer, STYLE_PLAIN, "\n");
			column = 0;
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

/* «A; B; and C make up 97 % of the growth.» NULL when nothing changed that way. */
static char *causes_sentence(const struct writer *writer, const struct growth *growth,
			     bool shrinking)
{
	growth_cause_array causes;
	double share;
	char *sentence = NULL;

	growth_explain(growth, shrinking, CAUSES_MAX, &causes, &share);
	for (size_t i = 0; i < causes.n; i++) {
		_cleanup_free_ char *phrase = cause_phrase(writer, growth, &causes.v[i]);
		char *longer = xasprintf("%s%s%s", sentence ? sentence : "",
					 !i		     ? ""
					 : i + 1 == causes.n ? (i > 1 ? ", and " : " and ")
							     : ", ",
					 phrase);

		free(sentence);
		sentence = longer;
	}
	if (sentence) {
		bool one = causes.n == 1 && causes.v[0].parts.n == 1 &&
			   (causes.v[0].count == 1 || causes.v[0].count == -1);
		char *whole = xasprintf("%s %s %.0f %% of %s.", sentence, one ? "is" : "are",
					share * 100, shrinking ? "what went" : "the growth");

		free(sentence);
		sentence = whole;
	}
	growth_causes_deinit(&causes);
	return sentence;
}

void print_causes(struct writer *writer, const struct growth *growth)
{
	int64_t bytes = growth_bytes(&growth->total), count = growth_count(&growth->total);
	bool shrinking = bytes < 0;

	if (writer_options(writer)->format != FORMAT_TEXT)
		return;

	_cleanup_free_ char *change = writer_format_value(writer, value_bytes_change(bytes));
	_cleanup_free_ char *chunks = count_phrase(count,
						   count == 1 || count == -1 ? "chunk" : "chunks");
	_cleanup_free_ char *sentence = causes_sentence(writer, growth, shrinking);
	_cleanup_free_ char *text = NULL;

	if (!growth->grown && !growth->shrunk)
		text = xstrdup("In use: the same, size by size.");
	else if (!bytes)
		text = xasprintf("In use: as much as before, but not the same. %s",
				 sentence ? sentence : "");
	else
		text = xasprintf("In use: %s, %s. %s", change, chunks, sentence ? sentence : "");
	print_paragraph(writer, text);
}
