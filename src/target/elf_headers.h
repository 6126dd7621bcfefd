/* SPDX-License-Identifier: MIT */
/*
 * The head of an ELF file: what its program headers and notes say, from a file or from the page that a core kept of it.
 *
 * Just enough to tell whether a file on this machine is the one that was mapped. It is *not* a reader of sections, symbols
 * or debug information (debug/ is), and it trusts nothing: every position and count is checked before it is used.
 */
#ifndef HEAPSNAP_TARGET_ELF_HEADERS_H
#define HEAPSNAP_TARGET_ELF_HEADERS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "target/target.h"

/** Where the bytes of an ELF file come from, by position in the file: returns false when any of them is absent. */
typedef bool elf_get(void *context, uint64_t offset, void *buffer, size_t size);

struct elf_headers {
	Elf64_Ehdr ehdr;
	ARRAY(Elf64_Phdr) phdrs;
};

enum {
	/** Room for a build ID in hexadecimal with its NUL. */
	BUILD_ID_TEXT_MAX = 2 * BUILD_ID_MAX + 1,
};

/** An elf_get over an open file; context points to the descriptor. */
bool elf_get_file(void *context, uint64_t offset, void *buffer, size_t size);

/** The beginning of a mapped file in an image: the file's position 0 is at start, and the mapping goes to end. */
struct elf_in_image {
	const struct image *image;
	vaddr start, end;
};

/** An elf_get over an image; context points to a struct elf_in_image. */
bool elf_get_image(void *context, uint64_t offset, void *buffer, size_t size);

/** Reads the header and program headers; false unless it is a 64-bit little-endian ELF file with a sane table. Owner: the caller,
    elf_headers_deinit(). */
bool elf_headers_read(elf_get *get, void *context, struct elf_headers *ret);

/** Frees the table. */
void elf_headers_deinit(struct elf_headers *headers);

static inline void elf_headers_deinit_p(struct elf_headers *headers)
{
	elf_headers_deinit(headers);
}
#define _cleanup_elf_headers_ _cleanup_(elf_headers_deinit_p)

/** The build ID in the notes; size 0 when there is none. `absent_ret` (NULL if of no interest) says that a note could not be read, so
    that there may be one. */
struct build_id elf_headers_build_id(const struct elf_headers *headers, elf_get *get, void *context, bool *absent_ret);

/** Whether the file holds code and data, and not (as a separate debug file does) only their headers. Size is the file's length. */
bool elf_headers_is_whole(const struct elf_headers *headers, elf_get *get, void *context, uint64_t size);

/** Whether two build IDs are there and the same. */
bool build_id_equal(const struct build_id *a, const struct build_id *b);

/** A build ID in hexadecimal; returns buffer. */
const char *build_id_text(char buffer[BUILD_ID_TEXT_MAX], const struct build_id *build_id);

#endif
