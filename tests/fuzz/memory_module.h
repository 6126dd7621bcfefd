/* SPDX-License-Identifier: MIT */
/*
 * Bytes as an ELF file that a process has mapped.
 */
#ifndef HEAPSNAP_FUZZ_MEMORY_MODULE_H
#define HEAPSNAP_FUZZ_MEMORY_MODULE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/elf_headers.h"
#include "target/target.h"

enum { BIAS = 0x10000000, PAGE = 4096, MAPPINGS_MAX = 16 };

static inline void add_mapping(struct target *target, vaddr start, vaddr end, uint64_t offset, unsigned prot)
{
	const struct mapping *last = target->mappings.n ? &target->mappings.v[target->mappings.n - 1] : NULL;

	// The list is the kernel's and sane, whatever the file says.
	if (start >= end || (last && start < last->end) || target->mappings.n == MAPPINGS_MAX)
		return;
	array_append(&target->mappings, (struct mapping){ .start = start, .end = end, .offset = offset, .prot = prot, .file = 0 });
}

static inline struct target *target_of_file(int fd)
{
	struct target *target = target_create(TARGET_CORE);
	struct elf_headers headers = { 0 };

	target->machine = MACHINE_X86_64;
	target->page_size = PAGE;
	target->exe_file = 0;
	array_append(&target->files, (struct target_file){ .path = xstrdup("/module.so"), .fd = fd });
	if (elf_headers_read(elf_get_file, &fd, &headers)) {
		for (size_t i = 0; i < headers.phdrs.n; i++) {
			const Elf64_Phdr *phdr = &headers.phdrs.v[i];
			vaddr start = (BIAS + phdr->p_vaddr) & ~(vaddr)(PAGE - 1);

			if (phdr->p_type == PT_LOAD && phdr->p_filesz < 1 << 20)
				add_mapping(target, start, (BIAS + phdr->p_vaddr + phdr->p_filesz + PAGE - 1) & ~(vaddr)(PAGE - 1),
					    phdr->p_offset & ~(uint64_t)(PAGE - 1), phdr->p_flags & 7);
		}
		elf_headers_deinit(&headers);
	}
	if (!target->mappings.n)
		add_mapping(target, BIAS, BIAS + 16 * PAGE, 0, MAPPING_READ | MAPPING_EXEC);
	return target;
}

static inline struct target *target_of_bytes(const uint8_t *data, size_t size)
{
	int fd = memfd_create("module", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return target_of_file(fd);
}

#endif
