/* SPDX-License-Identifier: MIT */
/* Names of C++ and Rust, as a target may have them in its symbols, its type information and its debug information. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/class_names.h"
#include "types/content.h"
#include "types/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name_ask(const char *name)
{
	char *key = class_name_key(name), *shorter = class_name_short(name);

	assert(strlen(key) <= strlen(name) + 8);
	assert(strlen(shorter) <= strlen(name));
	free(key);
	free(shorter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *symbol = xasprintf("_Z%s", text), *rust = xasprintf("_R%s", text);
	char *names[] = {demangle_type(text), demangle_symbol(text), demangle_symbol(symbol), demangle_symbol(rust)};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert(!names[i] || strlen(names[i]) <= DEMANGLED_MAX);
		if (names[i])
			name_ask(names[i]);
		free(names[i]);
	}
	name_ask(text);
	assert(content_of_bytes(data, size, size, NULL).confidence <= 100);
	free(symbol);
	free(rust);
	free(text);
	return 0;
}
