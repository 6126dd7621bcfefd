/* SPDX-License-Identifier: MIT */
#include "types/rust_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/demangle.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hexadecimal(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]) && (text[i] < 'a' || text[i] > 'f'))
			return false;
	}
	return true;
}

/* One part of a Rust path: «_$LT$impl$u20$Foo$GT$», «a..b». Appends to the text. */
static bool rust_part(const char *part, size_t length, char *text, size_t *used)
{
	static const struct {
		const char *code, *text;
	} escapes[] = {
		{"$LT$", "<"}, {"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","},
		{"$RF$", "&"}, {"$BP$", "*"}, {"$SP$", "@"},
	};
	const char *end = part + length;

	if (length > 1 && part[0] == '_' && part[1] == '$')
		part++;
	// No escape is longer in clear than in code.
	while (part < end) {
		size_t left = (size_t)(end - part), i;

		if (left >= 2 && part[0] == '.' && part[1] == '.') {
			text[(*used)++] = ':';
			text[(*used)++] = ':';
			part += 2;
			continue;
		}
		if (*part != '$') {
			text[(*used)++] = *part++;
			continue;
		}
		for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
			size_t code = strlen(escapes[i].code);

			if (left >= code && memcmp(part, escapes[i].code, code) == 0) {
				text[(*used)++] = *escapes[i].text;
				part += code;
				break;
			}
		}
		if (i < sizeof(escapes) / sizeof(escapes[0]))
			continue;
		// $u20$: a character by its number.
		if (left < 5 || part[1] != 'u' || !is_hexadecimal(part + 2, 2) || part[4] != '$')
			return false;
		char digits[3] = {part[2], part[3], '\0'};
		unsigned long value = strtoul(digits, NULL, 16);
		if (value < 0x20 || value > 0x7e)
			return false;
		text[(*used)++] = (char)value;
		part += 5;
	}
	return true;
}

char *rust_legacy_name(const char *symbol, size_t length)
{
	const char *at = symbol + 3, *end = symbol + length;
	size_t used = 0, n;

	if (length < 24 || strncmp(symbol, "_ZN", 3) != 0)
		return NULL;
	char *text = xmalloc(length * 2 + 1);
	for (n = 0; at < end && is_digit(*at); n++) {
		size_t part = 0;

		while (at < end && is_digit(*at) && part <= MANGLED_MAX)
			part = part * 10 + (size_t)(*at++ - '0');
		if (part == 0 || part > (size_t)(end - at))
			break;
		if (part == 17 && at[0] == 'h' && is_hexadecimal(at + 1, 16) && (size_t)(end - at) >= 18 && at[17] == 'E' && n > 0) {
			text[used] = '\0';
			return text;
		}
		if (n > 0) {
			text[used++] = ':';
			text[used++] = ':';
		}
		if (!rust_part(at, part, text, &used))
			break;
		at += part;
	}
	free(text);
	return NULL;
}
