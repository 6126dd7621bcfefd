/* SPDX-License-Identifier: MIT */
/*
 * The test program itself as a target: its mappings from /proc/self/maps with the files behind them held open, and a file
 * of its own making mapped at an address of the test's choice. Include it before unit.h.
 */
#ifndef TESTS_UNIT_SELF_TARGET_H
#define TESTS_UNIT_SELF_TARGET_H

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/alloc.h"
#include "target/target.h"

/* A directory of the test's own; it is the caller's to remove. */
static inline const char *temporary_directory(char buffer[64])
{
	snprintf(buffer, 64, "%s", "/tmp/heapsnap-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(buffer));
	return buffer;
}

/* Removes a directory with all that is in it. */
static inline void remove_directory(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
	ck_assert_int_eq(system(command), 0);
}

/* The index of a file in a target, added (and opened) when it is new. */
static inline int target_add_file(struct target *target, const char *path)
{
	for (size_t i = 0; i < target->files.n; i++) {
		if (strcmp(target->files.v[i].path, path) == 0)
			return (int)i;
	}
	struct target_file file = {.path = xstrdup(path), .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (file.fd < 0)
		file.why_absent = xstrdup("is not on this machine");
	array_append(&target->files, file);
	return (int)target->files.n - 1;
}

/* Appends a mapping; the caller keeps them ascending. */
static inline void target_add_mapping(struct target *target, vaddr start, vaddr end, uint64_t offset,
				      unsigned prot, const char *path)
{
	struct mapping mapping = {.start = start, .end = end, .offset = offset, .prot = prot,
				  .path = xstrdup(path), .file = -1, .rss = UINT64_MAX};

	if (path[0] == '/')
		mapping.file = target_add_file(target, path);
	array_append(&target->mappings, mapping);
}

/* A target without mappings. */
static inline struct target *empty_target(void)
{
	// Not TARGET_LIVE: what is found must come from the files alone.
	struct target *target = target_create(TARGET_CORE);

#if defined(__aarch64__)
	target->machine = MACHINE_AARCH64;
#else
	target->machine = MACHINE_X86_64;
#endif
	target->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	return target;
}

/* Maps an ELF file as the loader would, each PT_LOAD with a mapping; the caller keeps the biases ascending. */
static inline void target_add_elf(struct target *target, const char *path, vaddr bias)
{
	const uint64_t page = target->page_size;
	Elf64_Ehdr header;
	Elf64_Phdr phdr;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (unsigned i = 0; i < header.e_phnum; i++) {
		ck_assert_int_eq(pread(fd, &phdr, sizeof(phdr), (off_t)(header.e_phoff + i * sizeof(phdr))), sizeof(phdr));
		if (phdr.p_type != PT_LOAD)
			continue;
		unsigned prot = (phdr.p_flags & PF_R ? MAPPING_READ : 0) | (phdr.p_flags & PF_W ? MAPPING_WRITE : 0) |
				(phdr.p_flags & PF_X ? MAPPING_EXEC : 0);
		target_add_mapping(target, bias + (phdr.p_vaddr & ~(page - 1)),
				   bias + ((phdr.p_vaddr + phdr.p_filesz + page - 1) & ~(page - 1)),
				   phdr.p_offset & ~(page - 1), prot, path);
	}
	close(fd);
}

/* The target that a maps file describes. */
static inline struct target *target_of_maps(const char *maps_path)
{
	struct target *target = empty_target();
	static char text[1 << 20];
	FILE *maps = fopen(maps_path, "re");

	ck_assert_ptr_nonnull(maps);
	size_t length = fread(text, 1, sizeof(text), maps);
	ck_assert_uint_lt(length, sizeof(text));
	fclose(maps);
	struct error *error = mappings_parse(text, length, &target->mappings);
	ck_assert_ptr_null(error);
	for (size_t i = 0; i < target->mappings.n; i++) {
		struct mapping *mapping = &target->mappings.v[i];

		if (mapping->path && mapping->path[0] == '/' && !mapping->deleted)
			mapping->file = target_add_file(target, mapping->path);
	}
	return target;
}

static inline struct target *self_target(void)
{
	struct target *target = target_of_maps("/proc/self/maps");
	char exe[4096];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ck_assert_int_gt(length, 0);
	exe[length] = '\0';
	target->pid = getpid();
	target->exe_path = xstrdup(exe);
	target->exe_file = target_add_file(target, exe);
	return target;
}

#endif
