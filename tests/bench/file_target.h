/* SPDX-License-Identifier: MIT */
/*
 * ELF files taken as if they were mapped into one process, for benchmarks that read files alone.
 */
#ifndef HEAPSNAP_BENCH_FILE_TARGET_H
#define HEAPSNAP_BENCH_FILE_TARGET_H

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/target.h"

/* Maps an ELF file as the loader would. */
static inline bool target_add(struct target *target, const char *path, vaddr bias)
{
	struct target_file file = { .path = xstrdup(path), .fd = open(path, O_RDONLY | O_CLOEXEC) };
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	if (file.fd < 0 || pread(file.fd, &header, sizeof(header), 0) != sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (target->files.n == 0)
		target->machine = header.e_machine == EM_AARCH64 ? MACHINE_AARCH64 : MACHINE_X86_64;
	if (header.e_type == ET_EXEC)
		bias = 0;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (pread(file.fd, &phdr, sizeof(phdr), (off_t)(header.e_phoff + i * sizeof(phdr))) != sizeof(phdr) || phdr.p_type != PT_LOAD)
			continue;
		array_append(&target->mappings, (struct mapping){ .start = bias + (phdr.p_vaddr & ~UINT64_C(4095)),
								  .end = bias + ((phdr.p_vaddr + phdr.p_filesz + 4095) & ~UINT64_C(4095)),
								  .offset = phdr.p_offset & ~UINT64_C(4095),
								  .prot = (phdr.p_flags & PF_R ? MAPPING_READ : 0) | (phdr.p_flags & PF_W ? MAPPING_WRITE : 0) |
									  (phdr.p_flags & PF_X ? MAPPING_EXEC : 0),
								  .path = xstrdup(path),
								  .file = (int)target->files.n,
								  .rss = UINT64_MAX });
	}
	array_append(&target->files, file);
	return true;
}

static inline double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
