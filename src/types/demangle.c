/* SPDX-License-Identifier: MIT */
#include "types/demangle.h"

#include <stdlib.h>
#include <string.h>

#include "types/itanium.h"
#include "types/rust_names.h"

char *demangle_type(const char *mangled)
{
	size_t length;

	mangled += *mangled == '*';
	length = strnlen(mangled, MANGLED_MAX + 1);
	return length == 0 || length > MANGLED_MAX ? NULL : itanium_type(mangled, length);
}

char *demangle_symbol(const char *symbol)
{
	size_t length = strnlen(symbol, MANGLED_MAX + 1);
	char *name;

	if (length < 3 || length > MANGLED_MAX || symbol[0] != '_')
		return NULL;
	if (symbol[1] == 'R')
		return rust_v0_name(symbol, length);
	if (symbol[1] != 'Z')
		return NULL;
	name = rust_legacy_name(symbol, length);
	return name ? name : itanium_symbol(symbol, length);
}

char *demangle_function(const char *symbol)
{
	char *text = demangle_symbol(symbol), *name = text && symbol[1] == 'Z' && strchr(text, '(') ? itanium_name(symbol, strlen(symbol)) : NULL;

	if (!name)
		return text;
	free(text);
	return name;
}
