/* SPDX-License-Identifier: MIT */
#include "debug/debug_image.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

enum {
	/** Debug sections of one file. */
	SECTIONS_MAX = 128,
	NAME_MAX_ = 64,
	ALIGNMENT = 16,
	/** What is read of a compressed section at a time. Units: bytes. */
	PIECE = 1 << 18,
	/** The best that deflate can do, by its format: 258 bytes of two bits. */
	ZLIB_RATIO_MAX = 1032,
};

/** Bytes that all debug sections of a file may have when inflated. */
#define IMAGE_SIZE_MAX (UINT64_C(4) << 30)

enum packing {
	PACKING_NONE,
	PACKING_ZLIB,
	PACKING_ZSTD,
};

struct debug_section {
	char name[NAME_MAX_];
	/** In the file. */
	uint64_t from, packed_size;
	/** In the image. */
	uint64_t offset, size;
	enum packing packing;
	bool is_asked, is_read;
};

/* ---- laying out ---- */

/* What is read for types alone, which lies together; and what nobody here asks about. */
static int section_rank(const char *name)
{
	static const char *const first[] = { ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr", ".debug_types",
					     ".debug_info.dwo", ".debug_abbrev.dwo", ".debug_str.dwo", ".debug_str_offsets.dwo", ".debug_types.dwo" };
	static const char *const never[] = { ".debug_macro", ".debug_macinfo", ".debug_pubnames", ".debug_pubtypes", ".debug_gnu_pubnames", ".debug_gnu_pubtypes",
					     ".debug_names", ".debug_macro.dwo", ".debug_macinfo.dwo" };

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
		if (strcmp(name, first[i]) == 0)
			return 0;
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		if (strcmp(name, never[i]) == 0)
			return 2;
	}
	return 1;
}

static bool file_read(int fd, uint64_t offset, void *buffer, size_t size)
{
	for (uint8_t *at = buffer; size;) {
		ssize_t n = offset <= INT64_MAX ? pread(fd, at, size, (off_t)offset) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return true;
}

/* How a section is packed, and what it is without that. */
static bool section_unpacked(struct debug_section *section, int fd, bool has_chdr, bool is_gnu)
{
	uint8_t gnu[12];
	Elf64_Chdr chdr;

	section->size = section->packed_size;
	if (has_chdr) {
		if (section->packed_size < sizeof(chdr) || !file_read(fd, section->from, &chdr, sizeof(chdr)))
			return false;
		if (chdr.ch_type != ELFCOMPRESS_ZLIB && chdr.ch_type != ELFCOMPRESS_ZSTD)
			return false;
		section->packing = chdr.ch_type == ELFCOMPRESS_ZLIB ? PACKING_ZLIB : PACKING_ZSTD;
		section->size = chdr.ch_size;
		section->from += sizeof(chdr);
		section->packed_size -= sizeof(chdr);
	} else if (is_gnu) {
		if (section->packed_size < sizeof(gnu) || !file_read(fd, section->from, gnu, sizeof(gnu)) || memcmp(gnu, "ZLIB", 4) != 0)
			return false;
		section->packing = PACKING_ZLIB;
		section->size = 0;
		for (int i = 4; i < 12; i++)
			section->size = section->size << 8 | gnu[i];
		section->from += sizeof(gnu);
		section->packed_size -= sizeof(gnu);
	}
	return section->packing != PACKING_ZLIB || section->size / ZLIB_RATIO_MAX <= section->packed_size;
}

/* Takes a section of the file in, when it is one for debuggers. */
static void section_take(struct debug_image *image, const char *name, const GElf_Shdr *header)
{
	bool is_gnu = strncmp(name, ".zdebug_", 8) == 0;
	struct debug_section section = { .from = header->sh_offset, .packed_size = header->sh_size };

	if ((!is_gnu && strncmp(name, ".debug_", 7) != 0) || header->sh_type == SHT_NOBITS || (header->sh_flags & SHF_ALLOC) ||
	    strlen(name) >= sizeof(section.name) || image->sections.n == SECTIONS_MAX)
		return;
	snprintf(section.name, sizeof(section.name), ".%s", name + 1 + is_gnu);
	for (size_t i = 0; i < image->sections.n; i++) {
		if (strcmp(image->sections.v[i]->name, section.name) == 0)
			return;
	}
	if (section_rank(section.name) < 2 && section_unpacked(&section, image->fd, header->sh_flags & SHF_COMPRESSED, is_gnu) && section.size)
		array_append(&image->sections, xmemdup(&section, sizeof(section)));
}

static struct debug_section *section_find(const struct debug_image *image, const char *name)
{
	for (size_t i = 0; i < image->sections.n; i++) {
		if (strcmp(image->sections.v[i]->name, name) == 0)
			return image->sections.v[i];
	}
	return NULL;
}

/* Bytes before the sections: the ELF header, the section headers (with one for nothing and one for their names), the names. */
static size_t head_size(const struct debug_image *image)
{
	size_t n = image->sections.n + 2;

	return (sizeof(Elf64_Ehdr) + n * (sizeof(Elf64_Shdr) + NAME_MAX_) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Gives a section its place; false when there is too much. */
static bool section_place(struct debug_section *section, uint64_t *at)
{
	if (section->size > IMAGE_SIZE_MAX || *at + section->size > IMAGE_SIZE_MAX)
		return false;
	section->offset = *at;
	*at += section->size;
	return true;
}

static uint64_t aligned(uint64_t offset)
{
	return (offset + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

static bool layout_make(struct debug_image *image)
{
	static const char *const units[][2] = { { ".debug_info", ".debug_types" }, { ".debug_info.dwo", ".debug_types.dwo" } };
	uint64_t at = head_size(image);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		for (int j = 0; j < 2; j++) {
			struct debug_section *section = section_find(image, units[i][j]);

			if (section && !section_place(section, &at))
				return false;
		}
		at = aligned(at);
	}

	for (int rank = 0; rank < 2; rank++) {
		for (size_t i = 0; i < image->sections.n; i++) {
			struct debug_section *section = image->sections.v[i];

			if (section->offset || section_rank(section->name) != rank)
				continue;
			if (!section_place(section, &at))
				return false;
			at = aligned(at);
		}
	}
	image->size = at;
	return true;
}

bool debug_image_open(struct debug_image *ret, Elf *elf, int fd)
{
	struct debug_image image = { .fd = fd };
	GElf_Ehdr ehdr;
	size_t strings;

	if (!elf || gelf_getclass(elf) != ELFCLASS64 || !gelf_getehdr(elf, &ehdr) || elf_getshdrstrndx(elf, &strings) != 0)
		return false;
	image.machine = ehdr.e_machine;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		const char *name;

		if (gelf_getshdr(section, &header) && (name = elf_strptr(elf, strings, header.sh_name)) != NULL)
			section_take(&image, name, &header);
	}
	if ((section_find(&image, ".debug_info") || section_find(&image, ".debug_info.dwo")) && layout_make(&image)) {
		void *bytes = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (bytes != MAP_FAILED) {
			image.bytes = bytes;
			*ret = image;
			return true;
		}
	}
	debug_image_close(&image);
	return false;
}

void debug_image_close(struct debug_image *image)
{
	if (image->elf)
		elf_end(image->elf);
	if (image->bytes)
		munmap(image->bytes, image->size);
	for (size_t i = 0; i < image->sections.n; i++)
		free(image->sections.v[i]);
	array_deinit(&image->sections);
	*image = (struct debug_image){ .fd = -1 };
}

/* ---- reading ---- */

/* Gives an unpacker what is in the file, piece by piece. */
struct pieces {
	int fd;
	uint64_t at, left;
	uint8_t *buffer;
};

/* The next piece: how many bytes; 0 at the end, and when it cannot be read. */
static size_t pieces_next(struct pieces *pieces)
{
	size_t size = pieces->left < PIECE ? (size_t)pieces->left : PIECE;

	if (!size || !file_read(pieces->fd, pieces->at, pieces->buffer, size))
		return 0;
	pieces->at += size;
	pieces->left -= size;
	return size;
}

static bool zlib_read(struct pieces *pieces, uint8_t *to, uint64_t size)
{
	z_stream stream = { .next_out = to };
	uint64_t left = size;
	int status = inflateInit(&stream);

	while (status == Z_OK && left) {
		uInt room = left < UINT32_MAX / 2 ? (uInt)left : UINT32_MAX / 2;

		if (!stream.avail_in) {
			stream.next_in = pieces->buffer;
			stream.avail_in = (uInt)pieces_next(pieces);
			if (!stream.avail_in)
				break;
		}
		stream.avail_out = room;
		status = inflate(&stream, Z_NO_FLUSH);
		left -= room - stream.avail_out;
		// Several streams, one behind the other, are one section to some linkers.
		if (status == Z_STREAM_END && left)
			status = inflateReset(&stream);
	}
	inflateEnd(&stream);
	return left == 0;
}

static bool zstd_read(struct pieces *pieces, uint8_t *to, uint64_t size)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_outBuffer out = { to, (size_t)size, 0 };
	size_t n, status = 0;

	while (stream && out.pos < out.size && !ZSTD_isError(status) && (n = pieces_next(pieces)) > 0) {
		ZSTD_inBuffer in = { pieces->buffer, n, 0 };

		while (in.pos < in.size && out.pos < out.size && !ZSTD_isError(status))
			status = ZSTD_decompressStream(stream, &out, &in);
	}
	ZSTD_freeDStream(stream);
	return out.pos == size;
}

static bool section_read(struct debug_image *image, struct debug_section *section)
{
	struct pieces pieces = { .fd = image->fd, .at = section->from, .left = section->packed_size };
	uint8_t *to = image->bytes + section->offset;

	if (section->is_asked)
		return section->is_read;
	section->is_asked = true;
	if (section->packing == PACKING_NONE) {
		section->is_read = file_read(image->fd, section->from, to, section->size);
	} else {
		pieces.buffer = xmalloc(PIECE);
		section->is_read = section->packing == PACKING_ZLIB ? zlib_read(&pieces, to, section->size) : zstd_read(&pieces, to, section->size);
		free(pieces.buffer);
	}
	return section->is_read;
}

struct dwarf_bytes debug_image_section(struct debug_image *image, const char *name)
{
	struct debug_section *section = section_find(image, name);

	if (!section || !section_read(image, section))
		return (struct dwarf_bytes){ NULL, 0 };
	return (struct dwarf_bytes){ image->bytes + section->offset, section->size };
}

struct dwarf_bytes debug_image_units(struct debug_image *image, const char *info, const char *types, uint64_t *types_from_ret)
{
	struct dwarf_bytes units = debug_image_section(image, info), more = debug_image_section(image, types);

	*types_from_ret = 0;
	if (units.size && more.bytes == units.bytes + units.size) {
		*types_from_ret = units.size;
		units.size += more.size;
	}
	return units;
}

uint64_t debug_image_bytes_read(const struct debug_image *image)
{
	uint64_t size = 0;

	for (size_t i = 0; i < image->sections.n; i++)
		size += image->sections.v[i]->is_read ? image->sections.v[i]->size : 0;
	return size;
}

/* ---- as a file ---- */

/* Writes the headers and the names, and reads all sections. */
static void head_write(struct debug_image *image)
{
	size_t n = image->sections.n + 2;
	Elf64_Ehdr *header = (void *)image->bytes;
	Elf64_Shdr *sections = (void *)(header + 1);
	char *names = (void *)(sections + n), *name = names + 1;

	*header = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = image->machine,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(*header),
		.e_ehsize = sizeof(*header),
		.e_shentsize = sizeof(*sections),
		.e_shnum = (Elf64_Half)n,
		.e_shstrndx = (Elf64_Half)(n - 1),
	};
	for (size_t i = 0; i < image->sections.n; i++) {
		struct debug_section *section = image->sections.v[i];

		sections[i + 1] = (Elf64_Shdr){ .sh_name = (Elf64_Word)(name - names),
						.sh_type = section_read(image, section) ? SHT_PROGBITS : SHT_NOBITS,
						.sh_offset = section->offset,
						.sh_size = section->is_read ? section->size : 0,
						.sh_addralign = 1 };
		name = stpcpy(name, section->name) + 1;
	}
	sections[n - 1] = (Elf64_Shdr){ .sh_name = (Elf64_Word)(name - names),
					.sh_type = SHT_STRTAB,
					.sh_offset = (uint64_t)((uint8_t *)names - image->bytes),
					.sh_size = (uint64_t)(name - names) + sizeof(".shstrtab"),
					.sh_addralign = 1 };
	strcpy(name, ".shstrtab");
}

Elf *debug_image_elf(struct debug_image *image)
{
	if (image->elf || !image->bytes)
		return image->elf;
	head_write(image);
	elf_version(EV_CURRENT);
	image->elf = elf_memory((char *)image->bytes, image->size);
	return image->elf;
}
