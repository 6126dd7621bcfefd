/* SPDX-License-Identifier: MIT */
/*
 * Opens a core again and again with bits flipped in its headers and notes; see tests/live/core.t.
 *
 *	core_flips CORE COUNT
 *
 * Each attempt ends in a target or in an error with a message; says how many of each. What would be wrong ends the program: a crash, a
 * sanitizer report, mappings out of order.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/core.h"

static uint64_t state = 88172645463325252u;

static uint64_t roll(uint64_t sides)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % sides;
}

static void check(const struct target *target)
{
	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];

		if (mapping->start >= mapping->end || (i && target->mappings.v[i - 1].end > mapping->start)) {
			fprintf(stderr, "mapping %zu is out of order\n", i);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct core_options options = { .debug_path = "" };
	long count = argc == 3 ? atol(argv[2]) : 0, opened = 0, refused = 0;
	FILE *stream = argc == 3 ? fopen(argv[1], "rb") : NULL;
	int fd = memfd_create("core", MFD_CLOEXEC);
	char name[64];

	if (!stream || fd < 0 || fseek(stream, 0, SEEK_END) != 0)
		return 2;

	size_t size = (size_t)ftell(stream);
	uint8_t *bytes = xmalloc(size);

	rewind(stream);
	if (fread(bytes, 1, size, stream) != size || write(fd, bytes, size) != (ssize_t)size)
		return 2;
	fclose(stream);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

	Elf64_Ehdr ehdr;
	uint64_t notes = 0, notes_size = 0;

	memcpy(&ehdr, bytes, sizeof(ehdr));
	for (size_t i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, bytes + ehdr.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_NOTE) {
			notes = phdr.p_offset;
			notes_size = phdr.p_filesz;
		}
	}
	for (long i = 0; i < count; i++) {
		uint64_t places[4], n = 1 + roll(4);
		struct target *target = NULL;

		for (uint64_t k = 0; k < n; k++) {
			uint64_t where = roll(4);

			places[k] = where == 0	? roll(sizeof(ehdr)) :
				    where == 1	? notes + roll(notes_size) :
						  sizeof(ehdr) + roll(ehdr.e_phnum * sizeof(Elf64_Phdr));

			uint8_t flipped = (uint8_t)(bytes[places[k]] ^ 1u << roll(8));

			if (pwrite(fd, &flipped, 1, (off_t)places[k]) != 1)
				return 2;
		}

		struct error *error = core_open(name, &options, &target);

		if (error) {
			if (strlen(error->message) < 10)
				return 1;
			refused++;
		} else {
			check(target);
			opened++;
		}
		error_destroy(error);
		target_destroy(target);
		for (uint64_t k = 0; k < n; k++)
			if (pwrite(fd, &bytes[places[k]], 1, (off_t)places[k]) != 1)
				return 2;
	}
	printf("opened %ld refused %ld\n", opened, refused);
	free(bytes);
	return 0;
}
