/* SPDX-License-Identifier: MIT */
/*
 * A whole core, plain or compressed, through core_open(); then a read of each mapping's first and last word.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct target *target)
{
	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];
		uint64_t word;

		assert(mapping->start < mapping->end);
		assert(((mapping->start | mapping->end) & (target->page_size - 1)) == 0);
		assert(!i || target->mappings.v[i - 1].end <= mapping->start);
		assert(mapping->file >= -1 && mapping->file < (int)target->files.n);
		image_get_word(&target->image, mapping->start, &word);
		image_get_word(&target->image, mapping->end - sizeof(word), &word);
	}
	for (size_t i = 0; i < target->image.segments.n; i++) {
		const struct segment *segment = &target->image.segments.v[i];
		uint64_t word;

		assert(segment->start < segment->end);
		assert(!i || target->image.segments.v[i - 1].end <= segment->start);
		assert(segment->fd >= 0 || (((uintptr_t)segment->bytes ^ segment->start) & 7) == 0);
		image_get_word(&target->image, segment->end - sizeof(word), &word);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// Nothing of this machine but what the core itself names.
	static const struct core_options options = { .debug_path = "" };
	struct target *target = NULL;
	char name[64];
	int fd = memfd_create("core", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	core_recognise(name);

	struct error *error = core_open(name, &options, &target);

	if (error)
		assert(error->message[0]);
	else
		check(target);
	error_destroy(error);
	target_destroy(target);
	close(fd);
	return 0;
}
