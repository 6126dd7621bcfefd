/* SPDX-License-Identifier: MIT */
#include "debug/elf_file.h"

#include <elf.h>
#include <string.h>

enum {
	/** Section headers that a file may have. */
	SECTIONS_MAX = 0x10000,
	/** Bytes of section names, and of one section of notes. */
	UNASKED_SIZE_MAX = 16 << 20,
};

/** Bytes of one section that are taken into memory. */
#define SECTION_SIZE_MAX (UINT64_C(1) << 30)

static unsigned machine_elf(enum machine machine)
{
	switch (machine) {
	case MACHINE_X86_64:
		return EM_X86_64;
	case MACHINE_AARCH64:
		return EM_AARCH64;
	}
	return EM_NONE;
}

bool elf_headers_loadable(int fd, enum machine machine, struct elf_headers *ret)
{
	struct elf_headers headers;

	if (!elf_headers_read(elf_get_file, &fd, &headers))
		return false;
	if (headers.ehdr.e_machine != machine_elf(machine) ||
	    (headers.ehdr.e_type != ET_EXEC && headers.ehdr.e_type != ET_DYN)) {
		elf_headers_deinit(&headers);
		return false;
	}
	*ret = headers;
	return true;
}

/* The section header table lies inside the file, and what libelf reads unasked (section names, notes) is small: then it may
   be let at the file. */
static bool sections_are_sane(int fd, uint64_t length, const Elf64_Ehdr *header)
{
	uint64_t count = header->e_shnum, names = header->e_shstrndx;
	Elf64_Shdr sections[64];

	if (header->e_shoff == 0)
		return count == 0;
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff > length)
		return false;
	if (!elf_get_file(&fd, header->e_shoff, &sections[0], sizeof(sections[0])))
		return false;
	if (count == 0)
		count = sections[0].sh_size;
	if (names == SHN_XINDEX)
		names = sections[0].sh_link;
	if (count > SECTIONS_MAX || count * sizeof(Elf64_Shdr) > length - header->e_shoff)
		return false;
	for (uint64_t i = 0; i < count; i += 64) {
		size_t n = count - i < 64 ? (size_t)(count - i) : 64;

		if (!elf_get_file(&fd, header->e_shoff + i * sizeof(Elf64_Shdr), sections, n * sizeof(Elf64_Shdr)))
			return false;
		for (size_t j = 0; j < n; j++) {
			if ((i + j == names || sections[j].sh_type == SHT_NOTE) && sections[j].sh_size > UNASKED_SIZE_MAX)
				return false;
		}
	}
	return true;
}

Elf *elf_file_open(int fd, uint64_t length, const Elf64_Ehdr *header)
{
	if (!sections_are_sane(fd, length, header))
		return NULL;
	elf_version(EV_CURRENT);
	// ELF_C_READ reads by pread; ELF_C_READ_MMAP would turn a file that shrinks into a SIGBUS.
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		elf = NULL;
	}
	return elf;
}

Elf_Scn *section_named(Elf *elf, const char *name, GElf_Shdr *ret)
{
	size_t strings;

	if (!elf || elf_getshdrstrndx(elf, &strings) != 0)
		return NULL;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
			continue;
		const char *found = elf_strptr(elf, strings, header.sh_name);
		if (found && strcmp(found, name) == 0) {
			*ret = header;
			return section;
		}
	}
	return NULL;
}

const Elf_Data *section_bytes(Elf_Scn *section)
{
	GElf_Shdr header;

	if (!section || !gelf_getshdr(section, &header) || header.sh_size > SECTION_SIZE_MAX)
		return NULL;
	const Elf_Data *data = elf_rawdata(section, NULL);
	return data && data->d_buf && data->d_size == header.sh_size ? data : NULL;
}
