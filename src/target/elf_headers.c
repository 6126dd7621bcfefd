/* SPDX-License-Identifier: MIT */
#include "target/elf_headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	/* Real files have a dozen; a linker script may ask for more. */
	PHDRS_MAX = 4096,
	SHDRS_MAX = 65536,
	/* Bytes of one PT_NOTE segment that are looked at, and notes in it. */
	NOTES_SIZE_MAX = 65536,
	NOTES_MAX = 1024,
};

bool elf_get_file(void *context, uint64_t offset, void *buffer, size_t size)
{
	int fd = *(const int *)context;
	uint8_t *to = buffer;

	if (offset > INT64_MAX - size)
		return false;
	while (size) {
		ssize_t got = pread(fd, to, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

bool elf_get_image(void *context, uint64_t offset, void *buffer, size_t size)
{
	const struct elf_in_image *in = context;
	uint64_t length = in->end - in->start;

	return offset <= length && size <= length - offset && image_get(in->image, in->start + offset, buffer, size);
}

bool elf_headers_read(elf_get *get, void *context, struct elf_headers *ret)
{
	struct elf_headers headers = { 0 };
	Elf64_Ehdr *ehdr = &headers.ehdr;

	if (!get(context, 0, ehdr, sizeof(*ehdr)) || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 ||
	    ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	if (ehdr->e_phnum && (ehdr->e_phentsize != sizeof(Elf64_Phdr) || ehdr->e_phnum > PHDRS_MAX))
		return false;

	size_t n = ehdr->e_phnum;

	array_reserve(&headers.phdrs, n);
	if (n && !get(context, ehdr->e_phoff, headers.phdrs.v, n * sizeof(Elf64_Phdr))) {
		array_deinit(&headers.phdrs);
		return false;
	}
	headers.phdrs.n = n;
	*ret = headers;
	return true;
}

void elf_headers_deinit(struct elf_headers *headers)
{
	array_deinit(&headers->phdrs);
}

/* The NT_GNU_BUILD_ID among the notes at [offset, offset + size), each padded to a multiple of `align`. */
static bool notes_find_build_id(elf_get *get, void *context, uint64_t offset, uint64_t size, uint64_t align,
				struct build_id *ret, bool *absent)
{
	for (size_t i = 0; i < NOTES_MAX && size >= sizeof(Elf64_Nhdr); i++) {
		Elf64_Nhdr nhdr;

		if (!get(context, offset, &nhdr, sizeof(nhdr))) {
			*absent = true;
			return false;
		}

		uint64_t name = sizeof(nhdr);
		uint64_t desc = (name + nhdr.n_namesz + align - 1) & ~(align - 1);
		uint64_t next = (desc + nhdr.n_descsz + align - 1) & ~(align - 1);
		char owner[4];

		if (desc + nhdr.n_descsz > size)
			return false;
		if (nhdr.n_type == NT_GNU_BUILD_ID && nhdr.n_namesz == sizeof(ELF_NOTE_GNU) && nhdr.n_descsz &&
		    nhdr.n_descsz <= BUILD_ID_MAX) {
			struct build_id found = { .size = nhdr.n_descsz };

			if (!get(context, offset + name, owner, sizeof(owner)) ||
			    !get(context, offset + desc, found.bytes, found.size)) {
				*absent = true;
				return false;
			}
			if (memcmp(owner, ELF_NOTE_GNU, sizeof(owner)) == 0) {
				*ret = found;
				return true;
			}
		}
		if (next >= size)
			return false;
		offset += next;
		size -= next;
	}
	return false;
}

struct build_id elf_headers_build_id(const struct elf_headers *headers, elf_get *get, void *context, bool *absent_ret)
{
	struct build_id found = { 0 };
	bool absent = false;

	for (size_t i = 0; i < headers->phdrs.n && !found.size; i++) {
		const Elf64_Phdr *phdr = &headers->phdrs.v[i];
		uint64_t size = phdr->p_filesz < NOTES_SIZE_MAX ? phdr->p_filesz : NOTES_SIZE_MAX;

		if (phdr->p_type == PT_NOTE && phdr->p_offset <= INT64_MAX - NOTES_SIZE_MAX)
			notes_find_build_id(get, context, phdr->p_offset, size, phdr->p_align == 8 ? 8 : 4, &found,
					    &absent);
	}
	if (absent_ret)
		*absent_ret = absent && !found.size;
	return found;
}

bool elf_headers_is_whole(const struct elf_headers *headers, elf_get *get, void *context, uint64_t size)
{
	const Elf64_Ehdr *ehdr = &headers->ehdr;
	size_t loads = 0;

	for (size_t i = 0; i < headers->phdrs.n; i++) {
		const Elf64_Phdr *phdr = &headers->phdrs.v[i];

		if (phdr->p_type != PT_LOAD)
			continue;
		if (phdr->p_offset > size || phdr->p_filesz > size - phdr->p_offset)
			return false;
		loads++;
	}
	if (!loads)
		return false;

	// `objcopy --only-keep-debug` leaves the program headers as they are and makes the sections SHT_NOBITS; a small
	// module's segments then still lie within the file, so the sections have to be asked.
	if (!ehdr->e_shoff || ehdr->e_shentsize != sizeof(Elf64_Shdr) || ehdr->e_shoff > INT64_MAX - SHDRS_MAX * sizeof(Elf64_Shdr))
		return true;
	for (size_t i = 0; i < ehdr->e_shnum; i++) {
		Elf64_Shdr shdr;

		if (!get(context, ehdr->e_shoff + i * sizeof(shdr), &shdr, sizeof(shdr)))
			return true;
		if ((shdr.sh_flags & SHF_ALLOC) && (shdr.sh_flags & SHF_EXECINSTR) && shdr.sh_size)
			return shdr.sh_type != SHT_NOBITS;
	}
	return true;
}

bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->size && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

const char *build_id_text(char buffer[BUILD_ID_TEXT_MAX], const struct build_id *build_id)
{
	buffer[0] = '\0';
	for (size_t i = 0; i < build_id->size; i++)
		snprintf(buffer + 2 * i, 3, "%02x", build_id->bytes[i]);
	return buffer;
}
