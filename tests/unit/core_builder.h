/* SPDX-License-Identifier: MIT */
/*
 * Cores and ELF files built in memory, byte by byte, for the tests of target/core*.c and for fuzz seeds.
 *
 *	struct core_builder builder = { .machine = EM_X86_64 };
 *	core_builder_segment(&builder, 0x10000, bytes, 4096, 8192, PF_R | PF_W);
 *	core_builder_thread(&builder, 42, 0x1000);
 *	core_builder_finish(&builder);		// builder.file holds the core
 *	core_builder_deinit(&builder);
 *
 * Sizes and positions can be made wrong afterwards: builder.file is plain bytes.
 */
#ifndef TESTS_UNIT_CORE_BUILDER_H
#define TESTS_UNIT_CORE_BUILDER_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"

typedef ARRAY(uint8_t) byte_array;

struct core_builder_segment {
	Elf64_Phdr phdr;
	/* p_filesz bytes, copied. */
	uint8_t *bytes;
};

struct core_builder {
	uint16_t machine;
	/* Behind the segments, as gcore puts them. */
	bool notes_last;
	/* PN_XNUM, the count in a section header at the end. */
	bool extended;
	ARRAY(struct core_builder_segment) segments;
	byte_array notes;
	byte_array file;
	/* Where the notes are in the file. */
	uint64_t notes_offset;
};

static inline void bytes_append(byte_array *bytes, const void *from, size_t size)
{
	array_reserve(bytes, size);
	if (size)
		memcpy(bytes->v + bytes->n, from, size);
	bytes->n += size;
}

static inline void bytes_pad(byte_array *bytes, size_t alignment)
{
	static const uint8_t zeros[65536];

	bytes_append(bytes, zeros, (alignment - bytes->n % alignment) % alignment);
}

static inline void core_builder_segment(struct core_builder *builder, uint64_t start, const void *bytes, uint64_t filesz,
					uint64_t memsz, uint32_t flags)
{
	struct core_builder_segment segment = {
		.phdr = { .p_type = PT_LOAD, .p_vaddr = start, .p_filesz = filesz, .p_memsz = memsz, .p_flags = flags, .p_align = 4096 },
		.bytes = filesz ? xmemdup(bytes, filesz) : NULL,
	};

	array_append(&builder->segments, segment);
}

static inline void core_builder_note(struct core_builder *builder, const char *owner, uint32_t type, const void *desc, size_t size)
{
	Elf64_Nhdr nhdr = { .n_namesz = (uint32_t)strlen(owner) + 1, .n_descsz = (uint32_t)size, .n_type = type };

	bytes_append(&builder->notes, &nhdr, sizeof(nhdr));
	bytes_append(&builder->notes, owner, nhdr.n_namesz);
	bytes_pad(&builder->notes, 4);
	bytes_append(&builder->notes, desc, size);
	bytes_pad(&builder->notes, 4);
}

/* NT_PRSTATUS whose register number i (in the kernel's order) is base + i; orig_rax is -1. */
static inline void core_builder_thread(struct core_builder *builder, int tid, uint64_t base)
{
	size_t n = builder->machine == EM_X86_64 ? 27 : 34;
	uint8_t desc[392] = { 0 };

	memcpy(desc + 32, &tid, sizeof(tid));
	for (size_t i = 0; i < n; i++) {
		uint64_t value = builder->machine == EM_X86_64 && i == 15 ? UINT64_MAX : base + i;

		memcpy(desc + 112 + 8 * i, &value, sizeof(value));
	}
	core_builder_note(builder, "CORE", NT_PRSTATUS, desc, builder->machine == EM_X86_64 ? 336 : 392);
}

static inline void core_builder_process(struct core_builder *builder, int pid, const char *name, const char *command)
{
	uint8_t desc[136] = { 0 };

	memcpy(desc + 24, &pid, sizeof(pid));
	memcpy(desc + 40, name, strlen(name) < 16 ? strlen(name) : 16);
	memcpy(desc + 56, command, strlen(command) < 80 ? strlen(command) : 80);
	core_builder_note(builder, "CORE", NT_PRPSINFO, desc, sizeof(desc));
}

static inline void core_builder_auxv(struct core_builder *builder, const uint64_t *pairs, size_t n)
{
	static const uint64_t end[2];
	byte_array desc = { 0 };

	bytes_append(&desc, pairs, n * 16);
	bytes_append(&desc, end, sizeof(end));
	core_builder_note(builder, "CORE", NT_AUXV, desc.v, desc.n);
	array_deinit(&desc);
}

struct core_builder_file {
	uint64_t start, end, offset_in_units;
	const char *path;
};

static inline void core_builder_files(struct core_builder *builder, const struct core_builder_file *files, size_t n, uint64_t unit)
{
	byte_array desc = { 0 };
	uint64_t head[2] = { n, unit };

	bytes_append(&desc, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		bytes_append(&desc, &files[i], 24);
	for (size_t i = 0; i < n; i++)
		bytes_append(&desc, files[i].path, strlen(files[i].path) + 1);
	core_builder_note(builder, "CORE", NT_FILE, desc.v, desc.n);
	array_deinit(&desc);
}

/* Lays the file out: header, program headers, notes, segments at multiples of a page; or with the notes last. */
static inline void core_builder_finish(struct core_builder *builder)
{
	size_t phnum = builder->segments.n + 1;
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE, .e_machine = builder->machine, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = builder->extended ? PN_XNUM : (uint16_t)phnum,
	};
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_filesz = builder->notes.n, .p_align = 4 };
	byte_array *file = &builder->file;
	uint64_t offset = sizeof(ehdr) + phnum * sizeof(Elf64_Phdr);

	file->n = 0;
	if (!builder->notes_last) {
		note.p_offset = offset;
		offset += builder->notes.n;
	}
	offset = (offset + 4095) & ~UINT64_C(4095);
	for (size_t i = 0; i < builder->segments.n; i++) {
		Elf64_Phdr *phdr = &builder->segments.v[i].phdr;

		phdr->p_offset = offset + (phdr->p_vaddr & 4095);
		offset = (phdr->p_offset + phdr->p_filesz + 4095) & ~UINT64_C(4095);
	}
	if (builder->notes_last) {
		note.p_offset = offset;
		offset += builder->notes.n;
	}
	builder->notes_offset = note.p_offset;
	if (builder->extended) {
		ehdr.e_shoff = (offset + 7) & ~UINT64_C(7);
		ehdr.e_shentsize = sizeof(Elf64_Shdr);
		ehdr.e_shnum = 1;
	}
	bytes_append(file, &ehdr, sizeof(ehdr));
	bytes_append(file, &note, sizeof(note));
	for (size_t i = 0; i < builder->segments.n; i++)
		bytes_append(file, &builder->segments.v[i].phdr, sizeof(Elf64_Phdr));
	if (!builder->notes_last)
		bytes_append(file, builder->notes.v, builder->notes.n);
	bytes_pad(file, 4096);
	for (size_t i = 0; i < builder->segments.n; i++) {
		static const uint8_t zeros[4096];

		bytes_append(file, zeros, builder->segments.v[i].phdr.p_vaddr & 4095);
		bytes_append(file, builder->segments.v[i].bytes, builder->segments.v[i].phdr.p_filesz);
		bytes_pad(file, 4096);
	}
	if (builder->notes_last)
		bytes_append(file, builder->notes.v, builder->notes.n);
	if (builder->extended) {
		Elf64_Shdr shdr = { .sh_info = (uint32_t)phnum };

		bytes_pad(file, 8);
		bytes_append(file, &shdr, sizeof(shdr));
	}
}

static inline void core_builder_deinit(struct core_builder *builder)
{
	for (size_t i = 0; i < builder->segments.n; i++)
		free(builder->segments.v[i].bytes);
	array_deinit(&builder->segments);
	array_deinit(&builder->notes);
	array_deinit(&builder->file);
}

/* A shared object of four pages with a build ID of 20 bytes (first_byte, then 0x11 each; none when first_byte is 0), filled with `fill`:
 *
 *	page 0	r--	header, notes
 *	page 1	r-x	text, whose first byte is 0xc3
 *	page 2	rw-	of which the first is RELRO
 *	page 3	rw-
 *
 * With debug_only, its .text is SHT_NOBITS as in a separate debug file.
 */
enum { ELF_BUILDER_SIZE = 4 * 4096 };

static inline void elf_builder(uint8_t file[ELF_BUILDER_SIZE], uint16_t machine, uint8_t first_byte, uint8_t fill, bool debug_only)
{
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = machine, .e_version = EV_CURRENT, .e_phoff = sizeof(Elf64_Ehdr), .e_shoff = 2048,
		.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 5,
		.e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 2,
	};
	Elf64_Phdr phdrs[5] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096 },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 4096, .p_vaddr = 4096, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096 },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 8192, .p_vaddr = 12288, .p_filesz = 8192, .p_memsz = 12288, .p_align = 4096 },
		{ .p_type = PT_GNU_RELRO, .p_flags = PF_R, .p_offset = 8192, .p_vaddr = 12288, .p_filesz = 4096, .p_memsz = 4096 },
		{ .p_type = PT_NOTE, .p_flags = PF_R, .p_offset = 1024, .p_vaddr = 1024, .p_filesz = 36, .p_memsz = 36, .p_align = 4 },
	};
	Elf64_Shdr shdrs[2] = { { 0 },
				{ .sh_type = debug_only ? SHT_NOBITS : SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				  .sh_addr = 4096, .sh_offset = 4096, .sh_size = 4096 } };
	Elf64_Nhdr nhdr = { .n_namesz = 4, .n_descsz = 20, .n_type = first_byte ? NT_GNU_BUILD_ID : 0x77 };

	memset(file, fill, ELF_BUILDER_SIZE);
	memcpy(file, &ehdr, sizeof(ehdr));
	memcpy(file + ehdr.e_phoff, phdrs, sizeof(phdrs));
	memcpy(file + 1024, &nhdr, sizeof(nhdr));
	memcpy(file + 1024 + 12, "GNU", 4);
	memset(file + 1024 + 16, 0x11, 20);
	file[1024 + 16] = first_byte;
	memcpy(file + ehdr.e_shoff, shdrs, sizeof(shdrs));
	file[4096] = 0xc3;
}

/* Writes bytes to a new file (or over an old one); the test's own directory is its place. */
static inline void file_write(const char *path, const void *bytes, size_t size)
{
	FILE *stream = fopen(path, "wb");

	if (!stream || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0) {
		perror(path);
		abort();
	}
}

#endif
