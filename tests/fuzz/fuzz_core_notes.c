/* SPDX-License-Identifier: MIT */
/*
 * The notes of a core. The first byte chooses the architecture, the rest is the PT_NOTE segment.
 */
#include <assert.h>
#include <stdlib.h>

#include "target/core_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core_notes notes;
	size_t damage = SIZE_MAX;

	if (!size)
		return 0;
	core_notes_init(&notes);
	if (!core_notes_parse(&notes, data[0] & 1 ? MACHINE_AARCH64 : MACHINE_X86_64, data + 1, size - 1, &damage))
		assert(damage < size - 1);
	assert(notes.auxv.n % 2 == 0);
	for (size_t i = 0; i < notes.files.n; i++) {
		assert(notes.files.v[i].start < notes.files.v[i].end);
		assert(!i || notes.files.v[i - 1].end <= notes.files.v[i].start);
	}
	core_notes_deinit(&notes);
	return 0;
}
