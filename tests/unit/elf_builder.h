/* SPDX-License-Identifier: MIT */
/*
 * Writes a tiny ELF file: a header, program headers, sections with the bytes that the test gives. What the test does not
 * say is as sane as can be, so that a test breaks just what it is about.
 *
 *	struct elf_builder elf = elf_builder(ET_DYN);
 *	elf_add_section(&elf, ".text", SHT_PROGBITS, SHF_ALLOC, code, sizeof(code));
 *	elf_write(&elf, path);
 *
 * All of the file is one readable and executable PT_LOAD at address 0, so an offset is an address.
 */
#ifndef TESTS_UNIT_ELF_BUILDER_H
#define TESTS_UNIT_ELF_BUILDER_H

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

enum {
	ELF_SECTIONS_MAX = 16,
	ELF_PHDRS_MAX = 8,
	/* Where the bytes of the first section go. */
	ELF_DATA = 0x400,
};

struct elf_builder {
	Elf64_Ehdr header;
	Elf64_Phdr phdrs[ELF_PHDRS_MAX];
	Elf64_Shdr sections[ELF_SECTIONS_MAX];
	char names[512];
	size_t names_size;
	unsigned char bytes[0x10000];
	size_t size;
};

static inline struct elf_builder elf_builder(unsigned type)
{
	struct elf_builder elf = {.size = ELF_DATA, .names_size = 1};

	memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
	elf.header.e_ident[EI_CLASS] = ELFCLASS64;
	elf.header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf.header.e_ident[EI_VERSION] = EV_CURRENT;
	elf.header.e_type = (Elf64_Half)type;
#if defined(__aarch64__)
	elf.header.e_machine = EM_AARCH64;
#else
	elf.header.e_machine = EM_X86_64;
#endif
	elf.header.e_version = EV_CURRENT;
	elf.header.e_ehsize = sizeof(Elf64_Ehdr);
	elf.header.e_phentsize = sizeof(Elf64_Phdr);
	elf.header.e_phoff = sizeof(Elf64_Ehdr);
	elf.header.e_shentsize = sizeof(Elf64_Shdr);
	elf.header.e_phnum = 1;
	elf.header.e_shnum = 1;
	elf.phdrs[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = 0x1000};
	return elf;
}

/* Bytes somewhere in the file; their offset, which is their address too. */
static inline size_t elf_add_bytes(struct elf_builder *elf, const void *bytes, size_t size)
{
	size_t at = elf->size;

	ck_assert_uint_le(at + size + 16, sizeof(elf->bytes));
	memcpy(elf->bytes + at, bytes, size);
	elf->size = (at + size + 15) & ~(size_t)15;
	return at;
}

static inline Elf64_Phdr *elf_add_phdr(struct elf_builder *elf, unsigned type, uint64_t at, uint64_t size)
{
	Elf64_Phdr *phdr = &elf->phdrs[elf->header.e_phnum++];

	ck_assert_uint_le(elf->header.e_phnum, ELF_PHDRS_MAX);
	*phdr = (Elf64_Phdr){.p_type = type, .p_flags = PF_R, .p_offset = at, .p_vaddr = at, .p_filesz = size,
			     .p_memsz = size, .p_align = 4};
	return phdr;
}

/* The section's header, to be changed further; its index is e_shnum - 1. */
static inline Elf64_Shdr *elf_add_section(struct elf_builder *elf, const char *name, unsigned type, uint64_t flags,
					  const void *bytes, size_t size)
{
	Elf64_Shdr *section = &elf->sections[elf->header.e_shnum++];

	ck_assert_uint_lt(elf->header.e_shnum, ELF_SECTIONS_MAX);
	ck_assert_uint_le(elf->names_size + strlen(name) + 1, sizeof(elf->names));
	*section = (Elf64_Shdr){.sh_name = (Elf64_Word)elf->names_size, .sh_type = type, .sh_flags = flags,
				.sh_size = size, .sh_addralign = 1};
	strcpy(elf->names + elf->names_size, name);
	elf->names_size += strlen(name) + 1;
	section->sh_offset = type == SHT_NOBITS ? elf->size : elf_add_bytes(elf, bytes, size);
	section->sh_addr = flags & SHF_ALLOC ? section->sh_offset : 0;
	return section;
}

/* A build ID: a section and a PT_NOTE. */
static inline void elf_add_build_id(struct elf_builder *elf, const void *id, size_t size)
{
	unsigned char note[16 + 64] = {4, 0, 0, 0, (unsigned char)size, 0, 0, 0, NT_GNU_BUILD_ID, 0, 0, 0, 'G', 'N', 'U', 0};

	memcpy(note + 16, id, size);
	const Elf64_Shdr *section = elf_add_section(elf, ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, note, 16 + size);
	elf_add_phdr(elf, PT_NOTE, section->sh_offset, 16 + size);
}

/* Symbols and their names as .symtab and .strtab. The names are given as one string with NULs between, size with the last. */
static inline void elf_add_symbols(struct elf_builder *elf, const Elf64_Sym *symbols, size_t n, const char *names, size_t size)
{
	elf_add_section(elf, ".strtab", SHT_STRTAB, 0, names, size);
	Elf64_Shdr *table = elf_add_section(elf, ".symtab", SHT_SYMTAB, 0, symbols, n * sizeof(*symbols));
	table->sh_link = elf->header.e_shnum - 2u;
	table->sh_entsize = sizeof(*symbols);
}

/* Finishes the file and writes it. */
static inline void elf_write(struct elf_builder *elf, const char *path)
{
	Elf64_Ehdr *header = &elf->header;
	Elf64_Shdr *names = &elf->sections[header->e_shnum];

	if (header->e_shnum > 1) {
		names->sh_name = 0;
		names->sh_type = SHT_STRTAB;
		names->sh_size = elf->names_size;
		names->sh_offset = elf_add_bytes(elf, elf->names, elf->names_size);
		header->e_shstrndx = header->e_shnum++;
		header->e_shoff = elf_add_bytes(elf, elf->sections, header->e_shnum * sizeof(Elf64_Shdr));
	} else {
		header->e_shnum = 0;
	}
	elf->phdrs[0].p_filesz = elf->phdrs[0].p_memsz = elf->size;
	memcpy(elf->bytes, header, sizeof(*header));
	memcpy(elf->bytes + header->e_phoff, elf->phdrs, header->e_phnum * sizeof(Elf64_Phdr));

	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(elf->bytes, 1, elf->size, file), elf->size);
	ck_assert_int_eq(fclose(file), 0);
}

#endif
