/* SPDX-License-Identifier: MIT */
/*
 * What bytes are when nothing has a name for them: text, a known format, zeros, numbers, pointers.
 *
 * It is the last evidence, and a class, never the contents: what is found here says nothing of what the text says. The look is bounded:
 * CONTENT_LOOK bytes from the start and a few samples behind them; and mostly the first 64 decide. Chunks are longer than what
 * the program asked for and are handed out with what the last owner left in them, so what follows the end of a text proves nothing, and
 * what is all of one kind proves the more the larger it is.
 *
 * Source of the magics: the formats' own definitions (RFC 1950, 1952, 8878; PNG, ELF, SQLite «Database File Format» and so on).
 */
#ifndef HEAPSNAP_TYPES_CONTENT_H
#define HEAPSNAP_TYPES_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/vaddr.h"

struct chunks;
struct window;

enum content_kind {
	/** None of these. */
	CONTENT_UNKNOWN,
	/** All that was looked at is zero. */
	CONTENT_ZERO,
	/** Text in UTF-8 (or ASCII), in UTF-16 of either order, in UTF-32 (wchar_t). */
	CONTENT_TEXT,
	CONTENT_UTF16,
	CONTENT_UTF32,
	/** Text that is more than that. */
	CONTENT_JSON,
	CONTENT_XML,
	CONTENT_HTTP,
	CONTENT_PEM,
	CONTENT_BASE64,
	CONTENT_HEX,
	/** Formats, by their magic. */
	CONTENT_GZIP,
	CONTENT_ZLIB,
	CONTENT_ZSTD,
	CONTENT_XZ,
	CONTENT_BZIP2,
	CONTENT_LZ4,
	CONTENT_SNAPPY,
	CONTENT_ZIP,
	CONTENT_PNG,
	CONTENT_JPEG,
	CONTENT_GIF,
	CONTENT_WEBP,
	CONTENT_WAVE,
	CONTENT_MP4,
	CONTENT_OGG,
	CONTENT_PDF,
	CONTENT_FONT,
	CONTENT_ELF,
	CONTENT_WASM,
	CONTENT_JAVA_CLASS,
	CONTENT_SQLITE,
	CONTENT_PARQUET,
	CONTENT_DER,
	CONTENT_TLS,
	CONTENT_PICKLE,
	/** Many elements of one kind: addresses of chunks, or none; small whole numbers; numbers with a fraction. */
	CONTENT_POINTERS,
	CONTENT_INTEGERS,
	CONTENT_DOUBLES,
	CONTENT_FLOATS,
	/** Bytes as they come from a compressor, a cipher or a hash. */
	CONTENT_DENSE,
	CONTENT_KINDS,
};

enum {
	/** How much is looked at from the start. Units: bytes. */
	CONTENT_LOOK = 4096,
};

struct content {
	enum content_kind kind;
	/** How sure that is. Units: percent; 0 for CONTENT_UNKNOWN. */
	unsigned confidence;
	/** Where it begins: behind the header of a string that says how long it is, else 0. Units: bytes. */
	unsigned offset;
};

/** «text», «JSON», «gzip» …; «unknown». Borrowed: for ever. */
const char *content_name(enum content_kind kind);

/** What the first size bytes (usable, or CONTENT_LOOK of them) of a chunk with that many usable bytes are. The table, sealed, says what is a pointer;
    NULL: nothing is. Cost: constant; some 30 ns when the first bytes decide. */
struct content content_of_bytes(const uint8_t *bytes, size_t size, uint64_t usable, const struct chunks *chunks);

/** content_of_bytes() of a chunk in an image, which takes samples behind CONTENT_LOOK too. Unknown where the bytes are not there. */
struct content content_of_chunk(struct window *window, vaddr mem, uint64_t usable, const struct chunks *chunks);

#endif
