/* SPDX-License-Identifier: MIT */
/*
 * The text of /proc/PID/maps, whose paths are the target's.
 */
#include <assert.h>
#include <string.h>

#include "target/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mapping_array mappings = { 0 };
	struct error *error = mappings_parse((const char *)data, size, &mappings);

	assert(!error || (error->code == ERROR_FORMAT && !mappings.n));
	for (size_t i = 0; i < mappings.n; i++) {
		const struct mapping *mapping = &mappings.v[i];

		assert(mapping->start < mapping->end);
		assert(!i || mappings.v[i - 1].end <= mapping->start);
		assert(!mapping->path || *mapping->path);
		assert(mappings_find(&mappings, mapping->start) == mapping);
		assert(mappings_find(&mappings, mapping->end - 1) == mapping);
		(void)mapping_is_private_anonymous(mapping);
	}
	mappings_deinit(&mappings);
	error_destroy(error);
	return 0;
}
