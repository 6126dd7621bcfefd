/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

const char *text_bytes(char buffer[TEXT_NUMBER_MAX], uint64_t bytes, bool plain)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;
	double value = (double)bytes;

	if (plain) {
		snprintf(buffer, TEXT_NUMBER_MAX, "%" PRIu64, bytes);
		return buffer;
	}
	// 999.5 would print as «1000», which is four digits: go to the next unit there, not at 1024.
	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buffer, TEXT_NUMBER_MAX, "%" PRIu64 " B", bytes);
	else
		snprintf(buffer, TEXT_NUMBER_MAX, "%.*f %s",
			 value < 9.995	 ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[unit]);
	return buffer;
}

const char *text_count(char buffer[TEXT_NUMBER_MAX], uint64_t count)
{
	char digits[TEXT_NUMBER_MAX];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *out = buffer;

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buffer;
}

/* The length of the UTF-8 sequence at string, 0 if it is none (or overlong, a surrogate, above U+10FFFF). */
static size_t utf8_length(const unsigned char *string, size_t length)
{
	unsigned char lead = string[0];
	size_t need = lead < 0x80		    ? 1
		      : lead >= 0xc2 && lead < 0xe0 ? 2
		      : (lead & 0xf0) == 0xe0	    ? 3
		      : lead >= 0xf0 && lead < 0xf5 ? 4
						    : 0;

	if (!need || need > length)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((string[i] & 0xc0) != 0x80)
			return 0;
	if ((lead == 0xe0 && string[1] < 0xa0) || (lead == 0xed && string[1] >= 0xa0) ||
	    (lead == 0xf0 && string[1] < 0x90) || (lead == 0xf4 && string[1] >= 0x90))
		return 0;
	return need;
}

char *text_escape(const char *string, size_t length)
{
	const unsigned char *in = (const unsigned char *)string;
	char *result = xmalloc(length * 4 + 1);
	char *out = result;

	for (size_t i = 0; i < length;) {
		size_t n = utf8_length(in + i, length - i);
		// C1 control characters (U+0080..U+009F) are commands to some terminals as well.
		bool control = n == 0 || in[i] < 0x20 || in[i] == 0x7f || in[i] == '\\' ||
			       (n == 2 && in[i] == 0xc2 && in[i + 1] < 0xa0);

		if (!control) {
			memcpy(out, in + i, n);
			out += n;
			i += n;
			continue;
		}
		for (size_t end = i + (n ? n : 1); i < end; i++)
			out += sprintf(out, "\\x%02x", in[i]);
	}
	*out = '\0';
	return result;
}

bool text_parse_u64(const char *string, uint64_t *ret)
{
	int base = string[0] == '0' && (string[1] == 'x' || string[1] == 'X') ? 16 : 10;
	char *end;

	if (base == 16)
		string += 2;
	// strtoull() itself would take signs, spaces and a second 0x.
	if (!isxdigit((unsigned char)string[0]) || string[1] == 'x' || string[1] == 'X')
		return false;
	errno = 0;
	uint64_t value = strtoull(string, &end, base);
	if (errno || *end)
		return false;
	*ret = value;
	return true;
}

bool text_parse_seconds(const char *string, double one, uint64_t *ret)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ms", 1e-3 }, { "s", 1 },    { "m", 60 },
		      { "min", 60 },  { "h", 3600 }, { "d", 86400 } };
	char *end;

	// strtod() itself would take signs, blanks, words and hexadecimal numbers.
	if (!isdigit((unsigned char)string[0]) ||
	    strspn(string, "0123456789.") < strspn(string, "0123456789.eExXpP"))
		return false;

	double value = strtod(string, &end), seconds = *end ? 0 : one;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].unit))
			seconds = units[i].seconds;

	double nanoseconds = value * seconds * 1e9;

	if (!(nanoseconds >= 1 && nanoseconds < 0x1p63))
		return false;
	*ret = (uint64_t)nanoseconds;
	return true;
}

bool text_parse_bytes(const char *string, uint64_t *ret)
{
	static const char units[] = "kmgtpe";
	char *end;

	if (text_parse_u64(string, ret))
		return true;
	if (!isdigit((unsigned char)string[0]) || !strncasecmp(string, "0x", 2))
		return false;
	double value = strtod(string, &end);
	if (*end) {
		const char *unit = strchr(units, tolower((unsigned char)*end));

		if (unit && *unit) {
			for (long i = unit - units + 1; i > 0; i--)
				value *= 1024;
			end++;
			if (*end == 'i')
				end++;
		}
		if (*end == 'b' || *end == 'B')
			end++;
	}
	if (*end || value < 0 || value >= 0x1p64)
		return false;
	*ret = (uint64_t)value;
	return true;
}

char *text_shell_word(const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";

	if (*word && strspn(word, plain) == strlen(word))
		return xstrdup(word);

	char *quoted = xmalloc(strlen(word) * 4 + 3), *out = quoted;

	*out++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			out = stpcpy(out, "'\\''");
		else
			*out++ = *word;
	}
	*out++ = '\'';
	*out = '\0';
	return quoted;
}

const char *text_without_keyword(const char *name)
{
	static const char *const words[] = { "struct ", "union ", "class ", "enum " };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(name, words[i], strlen(words[i])))
			return name + strlen(words[i]);
	return name;
}
