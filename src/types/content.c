/* SPDX-License-Identifier: MIT */
/*
 * Questions in the order of how much a yes proves: zeros, a magic, text, then statistics over elements of 8, 4 and 2 bytes.
 *
 * How sure an answer is comes from how many independent bytes agree: a magic of eight bytes is certain, two are not; a text that ends just where the
 * chunk does was allocated for itself (strdup), a short one at the start of a large chunk may be the first member of a struct.
 */
#include "types/content.h"

#include <stdbool.h>
#include <string.h>

#include "heap/chunks.h"
#include "target/window.h"

enum {
	/** How far the chunk may reach behind what was asked for: 15 bytes of rounding, and a remainder too small to be a chunk. */
	SLACK = 31,
	/** Shortest text, in characters. */
	TEXT_MIN = 4,
	/** Arrays of fewer elements prove nothing. */
	ELEMENTS_MIN = 8,
	/** Elements that are looked at. */
	ELEMENTS_MAX = 64,
	/** Samples behind CONTENT_LOOK, and their size. */
	SAMPLES = 16,
	SAMPLE_SIZE = 64,
	/** From here on a count of distinct bytes says something. */
	DENSE_MIN = 256,
};

static const char *const content_names[CONTENT_KINDS] = {
	[CONTENT_UNKNOWN] = "unknown",   [CONTENT_ZERO] = "zeros",         [CONTENT_TEXT] = "text",
	[CONTENT_UTF16] = "UTF-16 text", [CONTENT_UTF32] = "UTF-32 text",  [CONTENT_JSON] = "JSON",
	[CONTENT_XML] = "XML",           [CONTENT_HTTP] = "HTTP",          [CONTENT_PEM] = "PEM",
	[CONTENT_BASE64] = "base64",     [CONTENT_HEX] = "hex digits",     [CONTENT_GZIP] = "gzip",
	[CONTENT_ZLIB] = "zlib",         [CONTENT_ZSTD] = "zstd",          [CONTENT_XZ] = "xz",
	[CONTENT_BZIP2] = "bzip2",       [CONTENT_LZ4] = "lz4",            [CONTENT_SNAPPY] = "snappy",
	[CONTENT_ZIP] = "zip",           [CONTENT_PNG] = "PNG",            [CONTENT_JPEG] = "JPEG",
	[CONTENT_GIF] = "GIF",           [CONTENT_WEBP] = "WebP",          [CONTENT_WAVE] = "WAVE",
	[CONTENT_MP4] = "MP4",           [CONTENT_OGG] = "Ogg",            [CONTENT_PDF] = "PDF",
	[CONTENT_FONT] = "font",         [CONTENT_ELF] = "ELF",            [CONTENT_WASM] = "WebAssembly",
	[CONTENT_JAVA_CLASS] = "Java class", [CONTENT_SQLITE] = "SQLite",  [CONTENT_PARQUET] = "Parquet",
	[CONTENT_DER] = "DER",           [CONTENT_TLS] = "TLS records",    [CONTENT_PICKLE] = "pickle",
	[CONTENT_POINTERS] = "pointers", [CONTENT_INTEGERS] = "integers",  [CONTENT_DOUBLES] = "doubles",
	[CONTENT_FLOATS] = "floats",     [CONTENT_DENSE] = "compressed or random bytes",
};

const char *content_name(enum content_kind kind)
{
	return content_names[kind];
}

static struct content content(enum content_kind kind, unsigned confidence)
{
	return (struct content){.kind = kind, .confidence = confidence};
}

static uint64_t word_at(const uint8_t *bytes, size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

static uint32_t half_at(const uint8_t *bytes, size_t at)
{
	uint32_t half;

	memcpy(&half, bytes + at, sizeof(half));
	return half;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	for (; at + 32 <= size; at += 32) {
		if (word_at(bytes, at) | word_at(bytes, at + 8) | word_at(bytes, at + 16) | word_at(bytes, at + 24))
			return false;
	}
	for (; at < size; at++) {
		if (bytes[at])
			return false;
	}
	return true;
}

static bool is_chunk_pointer(const struct chunks *chunks, uint64_t word)
{
	return chunks && chunks_may_hold(chunks, word) && chunks_find(chunks, word) != CHUNK_NONE;
}

/* ---- formats ---- */

struct magic {
	uint8_t size, offset;
	char bytes[16];
	uint8_t kind, confidence;
	/** Of a chunk that holds this. */
	uint8_t usable_min;
};

/* Longest first among those that begin alike. */
static const struct magic magics[] = {
	{16, 0, "SQLite format 3", CONTENT_SQLITE, 99, 100},
	{10, 0, "\xff\x06\x00\x00sNaPpY", CONTENT_SNAPPY, 99, 10},
	{8, 0, "\x89PNG\r\n\x1a\n", CONTENT_PNG, 99, 24},
	{6, 0, "\xfd" "7zXZ\0", CONTENT_XZ, 99, 24},
	{6, 0, "GIF87a", CONTENT_GIF, 99, 13},
	{6, 0, "GIF89a", CONTENT_GIF, 99, 13},
	{6, 4, "1AY&SY", CONTENT_BZIP2, 95, 14},
	{8, 4, "ftypisom", CONTENT_MP4, 99, 16},
	{7, 4, "ftypmp4", CONTENT_MP4, 99, 16},
	{8, 4, "ftypM4A ", CONTENT_MP4, 99, 16},
	{5, 0, "%PDF-", CONTENT_PDF, 97, 24},
	{4, 0, "\x28\xb5\x2f\xfd", CONTENT_ZSTD, 95, 9},
	{4, 0, "\x04\x22\x4d\x18", CONTENT_LZ4, 95, 11},
	{4, 0, "PK\x03\x04", CONTENT_ZIP, 95, 24},
	{4, 0, "\0asm", CONTENT_WASM, 95, 8},
	{4, 0, "\xca\xfe\xba\xbe", CONTENT_JAVA_CLASS, 90, 24},
	{4, 0, "PAR1", CONTENT_PARQUET, 80, 24},
	{4, 0, "OggS", CONTENT_OGG, 90, 24},
	{4, 0, "wOF2", CONTENT_FONT, 90, 24},
	{4, 0, "wOFF", CONTENT_FONT, 90, 24},
	{4, 0, "OTTO", CONTENT_FONT, 80, 24},
};

static unsigned distinct_bytes(const uint8_t *bytes, size_t size)
{
	uint64_t seen[4] = {0};
	unsigned n = 0;

	for (size_t i = 0; i < size; i++)
		seen[bytes[i] / 64] |= UINT64_C(1) << bytes[i] % 64;
	for (size_t i = 0; i < 4; i++)
		n += chunk_bits_count(seen[i]);
	return n;
}

/* Bytes without any order: of 64 of them some 57 are distinct, of 256 some 162. */
static bool is_dense(const uint8_t *bytes, size_t size)
{
	if (size >= 256)
		return distinct_bytes(bytes, 256) >= 140;
	return size >= 64 && distinct_bytes(bytes, 64) >= 48;
}

static bool is_jpeg(const uint8_t *bytes, size_t size)
{
	// Start of image, then a marker of a segment that may come first.
	return size >= 24 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff &&
	       ((bytes[3] >= 0xe0 && bytes[3] <= 0xef) || bytes[3] == 0xdb || bytes[3] == 0xfe || bytes[3] == 0xc0);
}

static bool is_elf(const uint8_t *bytes, size_t size)
{
	return size >= 48 && memcmp(bytes, "\x7f" "ELF", 4) == 0 && (bytes[4] == 1 || bytes[4] == 2) && (bytes[5] == 1 || bytes[5] == 2) &&
	       bytes[6] == 1;
}

static bool is_gzip(const uint8_t *bytes, size_t size)
{
	// The method is deflate, three flags are reserved.
	return size >= 18 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8 && !(bytes[3] & 0xe0);
}

/* Two bytes with a check of five bits; what follows must be a block of a known type, and look compressed. */
static bool is_zlib(const uint8_t *bytes, size_t size)
{
	return size >= 24 && bytes[0] == 0x78 && (bytes[0] * 256 + bytes[1]) % 31 == 0 && !(bytes[1] & 0x20) && (bytes[2] & 6) != 6 &&
	       is_dense(bytes + 2, size - 2);
}

/* A SEQUENCE whose length is that of the chunk, and that begins with another element. */
static bool is_der(const uint8_t *bytes, size_t size, uint64_t usable)
{
	uint64_t length = 0;

	if (size < 64 || bytes[0] != 0x30 || (bytes[1] != 0x82 && bytes[1] != 0x81))
		return false;
	unsigned digits = bytes[1] & 0x7f;
	for (unsigned i = 0; i < digits; i++)
		length = length << 8 | bytes[2 + i];
	uint8_t inner = bytes[2 + digits];
	return length >= 32 && length + 2 + digits <= usable && length + 2 + digits + SLACK >= usable / 2 && (inner == 0x30 || inner == 0x02);
}

static bool is_tls_record(const uint8_t *bytes, size_t size, uint64_t usable)
{
	uint32_t length = size >= 24 ? (uint32_t)bytes[3] << 8 | bytes[4] : 0;

	return length >= 16 && length <= (1 << 14) + 256 && length + 5 <= usable && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3 &&
	       bytes[2] >= 1 && bytes[2] <= 4;
}

/* Protocol 4 and 5 begin with a frame. */
static bool is_pickle(const uint8_t *bytes, size_t size, uint64_t usable)
{
	return size >= 16 && bytes[0] == 0x80 && (bytes[1] == 4 || bytes[1] == 5) && bytes[2] == 0x95 && word_at(bytes, 3) <= usable - 11 &&
	       word_at(bytes, 3) > 0;
}

static struct content format_of(const uint8_t *bytes, size_t size, uint64_t usable)
{
	switch (bytes[0]) {
	case 0x1f:
		if (is_gzip(bytes, size))
			return content(CONTENT_GZIP, 97);
		break;
	case 0x78:
		if (is_zlib(bytes, size))
			return content(CONTENT_ZLIB, 85);
		break;
	case 0x7f:
		if (is_elf(bytes, size))
			return content(CONTENT_ELF, 99);
		break;
	case 0xff:
		if (is_jpeg(bytes, size))
			return content(CONTENT_JPEG, 97);
		break;
	case 0x30:
		if (is_der(bytes, size, usable))
			return content(CONTENT_DER, 90);
		break;
	case 0x80:
		if (is_pickle(bytes, size, usable))
			return content(CONTENT_PICKLE, 97);
		break;
	case 'R':
		if (size >= 24 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
			return content(CONTENT_WEBP, 99);
		if (size >= 24 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WAVE", 4) == 0)
			return content(CONTENT_WAVE, 99);
		break;
	case 20 ... 23:
		if (is_tls_record(bytes, size, usable))
			return content(CONTENT_TLS, 80);
		break;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *magic = &magics[i];

		if (usable >= magic->usable_min && size >= (size_t)magic->offset + magic->size && bytes[magic->offset] == (uint8_t)magic->bytes[0] &&
		    memcmp(bytes + magic->offset, magic->bytes, magic->size) == 0 &&
		    (magic->kind != CONTENT_BZIP2 || memcmp(bytes, "BZh", 3) == 0))
			return content(magic->kind, magic->confidence);
	}
	return content(CONTENT_UNKNOWN, 0);
}

/* ---- text ---- */

static bool is_text_byte(uint8_t byte)
{
	// What terminals and files have of control characters: tab, newline, form feed, return, backspace, escape.
	return byte >= 0x20 ? byte != 0x7f : byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f' || byte == '\b' || byte == 0x1b;
}

/* The length of the character of two to four bytes there; 0 when it is none. */
static size_t utf8_length(const uint8_t *bytes, size_t left)
{
	uint8_t first = bytes[0];
	size_t length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	// Longer than needed, surrogates, beyond the last one; and the control characters of Latin-1.
	if ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] >= 0xa0) || (first == 0xf0 && bytes[1] < 0x90) ||
	    (first == 0xf4 && bytes[1] >= 0x90) || (first == 0xc2 && bytes[1] < 0xa0))
		return 0;
	return length;
}

struct text_run {
	/** Bytes, characters, and of these how many of several bytes. */
	size_t length, characters, wide;
	/** A NUL follows; or the end of what is looked at. */
	bool is_terminated, is_cut;
};

static struct text_run text_run_at(const uint8_t *bytes, size_t size)
{
	struct text_run run = {0};

	while (run.length < size) {
		uint8_t byte = bytes[run.length];
		size_t length = 1;

		if (byte == 0) {
			run.is_terminated = true;
			return run;
		}
		if (byte >= 0x80) {
			length = utf8_length(bytes + run.length, size - run.length);
			if (length == 0) {
				// A character that the look cuts in two.
				run.is_cut = size - run.length < 4 && size >= 64 && byte >= 0xc2 && byte < 0xf5;
				return run;
			}
			run.wide++;
		} else if (!is_text_byte(byte)) {
			return run;
		}
		run.length += length;
		run.characters++;
	}
	run.is_cut = true;
	return run;
}

/* Six bytes and two zeros may be an address that happens to be printable: that of a program or a library. */
static bool is_address_like(const uint8_t *bytes, size_t size)
{
	return size >= 8 && bytes[6] == 0 && bytes[7] == 0 && (bytes[5] == 0x55 || bytes[5] == 0x56 || bytes[5] == 0x7e || bytes[5] == 0x7f);
}

static bool has_chunk_pointers(const uint8_t *bytes, size_t from, size_t size, const struct chunks *chunks)
{
	from = (from + 7) & ~(size_t)7;
	for (size_t at = from; at + 8 <= size && at < from + 64; at += 8) {
		if (is_chunk_pointer(chunks, word_at(bytes, at)))
			return true;
	}
	return false;
}

static size_t skip_space(const uint8_t *bytes, size_t at, size_t length)
{
	while (at < length && (bytes[at] == ' ' || bytes[at] == '\t' || bytes[at] == '\n' || bytes[at] == '\r'))
		at++;
	return at;
}

static bool is_json(const uint8_t *bytes, size_t length)
{
	size_t at = skip_space(bytes, 0, length);
	bool is_array = false;

	// What matters is what the innermost of the first brackets holds.
	while (at < length && bytes[at] == '[') {
		is_array = true;
		at = skip_space(bytes, at + 1, length);
	}
	if (at >= length)
		return false;
	if (is_array && bytes[at] != '{') {
		// Strings; numbers need the comma that «[12:30] it began» does not have.
		if (bytes[at] == '"')
			return memchr(bytes + at + 1, '"', length - at - 1) != NULL;
		size_t digits = at;
		while (at < length && ((bytes[at] >= '0' && bytes[at] <= '9') || memchr("-+.eE", bytes[at], 5)))
			at++;
		size_t next = skip_space(bytes, at, length);
		return at > digits && next < length && (bytes[next] == ',' || (bytes[next] == ']' && next + 1 == length));
	}
	if (bytes[at] != '{')
		return false;
	at = skip_space(bytes, at + 1, length);
	if (at >= length)
		return false;
	if (bytes[at] == '}')
		return is_array || skip_space(bytes, at + 1, length) == length;
	if (bytes[at] != '"')
		return false;
	const uint8_t *quote = memchr(bytes + at + 1, '"', length - at - 1);
	// A name longer than the look.
	if (!quote)
		return length >= CONTENT_LOOK / 2;
	at = skip_space(bytes, (size_t)(quote - bytes) + 1, length);
	return at < length && bytes[at] == ':';
}

static bool begins(const uint8_t *bytes, size_t length, const char *with)
{
	size_t n = strlen(with);

	return length >= n && memcmp(bytes, with, n) == 0;
}

static bool is_xml(const uint8_t *bytes, size_t length)
{
	size_t at = skip_space(bytes, 0, length);

	if (begins(bytes + at, length - at, "<?xml") || begins(bytes + at, length - at, "<!DOCTYPE") || begins(bytes + at, length - at, "<!doctype"))
		return true;
	// An element with its end: «<a href=…», «<b>».
	if (length - at < 8 || bytes[at] != '<' || (bytes[at + 1] | 0x20) < 'a' || (bytes[at + 1] | 0x20) > 'z')
		return false;
	size_t end = at + 1;
	while (end < length && ((bytes[end] >= 'a' && bytes[end] <= 'z') || (bytes[end] >= 'A' && bytes[end] <= 'Z') ||
				(bytes[end] >= '0' && bytes[end] <= '9') || bytes[end] == '-' || bytes[end] == ':' || bytes[end] == '_'))
		end++;
	if (end >= length || (bytes[end] != '>' && bytes[end] != ' ' && bytes[end] != '/' && bytes[end] != '\n'))
		return false;
	// «<string> of» is no document; one has an end of an element somewhere.
	for (const uint8_t *slash = bytes + end; (slash = memchr(slash, '/', (size_t)(bytes + length - slash))) != NULL; slash++) {
		if (slash[-1] == '<' || (slash + 1 < bytes + length && slash[1] == '>'))
			return true;
	}
	return false;
}

static bool is_http(const uint8_t *bytes, size_t length)
{
	static const char *const methods[] = {"GET /", "POST /", "PUT /", "HEAD /", "DELETE /", "PATCH /", "OPTIONS /", "CONNECT "};

	if (begins(bytes, length, "HTTP/1.") || begins(bytes, length, "HTTP/2 "))
		return true;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (begins(bytes, length, methods[i]))
			return memmem(bytes, length, " HTTP/", 6) != NULL;
	}
	return false;
}

/* Digits of a base, when it is nothing else: hexadecimal, or 64 with all its kinds of characters. */
static enum content_kind digits_kind(const uint8_t *bytes, size_t length)
{
	size_t lower = 0, upper = 0, digits = 0, padding = 0, beyond_hex = 0;

	if (length < 32)
		return CONTENT_TEXT;
	for (size_t i = 0; i < length && i < 256; i++) {
		uint8_t byte = bytes[i];

		if (byte >= 'a' && byte <= 'z')
			lower++, beyond_hex += byte > 'f';
		else if (byte >= 'A' && byte <= 'Z')
			upper++, beyond_hex += byte > 'F';
		else if (byte >= '0' && byte <= '9')
			digits++;
		else if (byte == '+' || byte == '/' || byte == '-' || byte == '_')
			beyond_hex++;
		else if (byte == '=' && length - i <= 2)
			padding++;
		else if (byte == '\n' && i > 0 && i % 65 >= 60)
			continue;
		else
			return CONTENT_TEXT;
	}
	size_t all = lower + upper + digits;
	// A file name or an identifier has few digits among its letters, or one case only.
	if (!beyond_hex && !padding && digits >= all / 4 && digits < all && (!lower || !upper))
		return CONTENT_HEX;
	if (beyond_hex && lower >= all / 5 && upper >= all / 5 && digits >= all / 16 && (padding || length >= 40))
		return CONTENT_BASE64;
	return CONTENT_TEXT;
}

static enum content_kind text_kind(const uint8_t *bytes, size_t length)
{
	size_t at = skip_space(bytes, 0, length);

	if (at >= length)
		return CONTENT_TEXT;
	switch (bytes[at]) {
	case '{':
	case '[':
		return is_json(bytes, length) ? CONTENT_JSON : CONTENT_TEXT;
	case '<':
		return is_xml(bytes, length) ? CONTENT_XML : CONTENT_TEXT;
	case '-':
		if (begins(bytes + at, length - at, "-----BEGIN "))
			return CONTENT_PEM;
		break;
	default:
		if (is_http(bytes + at, length - at))
			return CONTENT_HTTP;
	}
	return digits_kind(bytes, length);
}

/* Text that says before itself how long it is: what the libraries of strings have. The offset at which it begins, else 0. */
static unsigned text_header(const uint8_t *bytes, size_t size, uint64_t usable)
{
	// sds of redis: flags in front of the text say how wide length and capacity are, and these fit the chunk.
	static const struct {
		uint8_t header, width, flags;
	} sds[] = {{3, 1, 1}, {5, 2, 2}, {9, 4, 3}, {17, 8, 4}};

	for (size_t i = 0; i < 4; i++) {
		uint64_t length = 0, capacity = 0;

		if (size < sds[i].header + 1u || bytes[sds[i].header - 1] != sds[i].flags)
			continue;
		memcpy(&length, bytes, sds[i].width);
		memcpy(&capacity, bytes + sds[i].width, sds[i].width);
		if (length >= TEXT_MIN && length <= capacity && capacity < usable && capacity + sds[i].header + 1 <= usable &&
		    capacity + sds[i].header + 1 + SLACK >= usable)
			return sds[i].header;
	}
	if (size < 32)
		return 0;
	// std::string before C++11: length, capacity, references.
	uint64_t length = word_at(bytes, 0), capacity = word_at(bytes, 8);
	if (length >= TEXT_MIN && length <= capacity && capacity < usable && capacity + 25 <= usable && capacity + 25 + SLACK >= usable &&
	    half_at(bytes, 16) < 1 << 20)
		return 24;
	// A length alone, of 8 or 4 bytes.
	if (length >= TEXT_MIN && length + 8 <= usable && length + 9 + SLACK >= usable)
		return 8;
	length = half_at(bytes, 0);
	if (length >= TEXT_MIN && length + 4 <= usable && length + 5 + SLACK >= usable)
		return 4;
	return 0;
}

static struct content text_of(const uint8_t *bytes, size_t size, uint64_t usable, const struct chunks *chunks)
{
	unsigned offset = 0;
	bool says_its_length = false;
	struct text_run run = {0};

	if (bytes[0] >= 0x20 || is_text_byte(bytes[0]))
		run = text_run_at(bytes, size);
	if (run.characters < TEXT_MIN || (!run.is_terminated && !run.is_cut)) {
		unsigned header = text_header(bytes, size, usable);

		if (header) {
			struct text_run behind = text_run_at(bytes + header, size - header);

			if (behind.characters >= TEXT_MIN && (behind.is_terminated || behind.is_cut || behind.length + SLACK >= usable - header)) {
				offset = header;
				run = behind;
				says_its_length = true;
			}
		}
	}
	if (run.characters < TEXT_MIN)
		return content(CONTENT_UNKNOWN, 0);
	// Text by chance: each byte is printable in some four of ten.
	if (!run.is_terminated && !run.is_cut && (run.characters < 16 || run.length < usable / 2))
		return content(CONTENT_UNKNOWN, 0);
	if (!offset && run.length <= 6 && (is_address_like(bytes, size) || is_chunk_pointer(chunks, word_at(bytes, 0))))
		return content(CONTENT_UNKNOWN, 0);

	bool is_tight = (run.is_cut && size < usable) || offset + run.length + 1 + SLACK >= usable;
	unsigned confidence = run.characters >= 16 ? 90 : run.characters >= 8 ? 80 : 60;
	if (is_tight || says_its_length)
		confidence += run.characters >= 8 ? 8 : 20;
	else if (has_chunk_pointers(bytes, offset + run.length + 1, size, chunks))
		// A struct with a name in front, or a buffer on what somebody left.
		confidence = run.characters >= 16 ? 50 : 30;
	else if (run.characters < 8)
		confidence = 45;
	if (!run.is_terminated && !run.is_cut)
		confidence = 60;
	struct content found = content(text_kind(bytes + offset, run.length), confidence);
	found.offset = offset;
	return found;
}

/* A unit of UTF-16 that text has: in the scripts that are in use, not the private or the unassigned. */
static bool is_utf16_unit(uint32_t unit)
{
	if (unit < 0x80)
		return is_text_byte((uint8_t)unit);
	return (unit >= 0xa0 && unit < 0x600) || (unit >= 0x600 && unit < 0x700) || (unit >= 0x900 && unit < 0xe80) || (unit >= 0x10a0 && unit < 0x1200) ||
	       (unit >= 0x1e00 && unit < 0x2070) || (unit >= 0x20a0 && unit < 0x20c0) || (unit >= 0x2100 && unit < 0x2200) ||
	       (unit >= 0x3000 && unit < 0x3100) || (unit >= 0x4e00 && unit < 0xa000) || (unit >= 0xac00 && unit < 0xd7a4) ||
	       (unit >= 0xff00 && unit < 0xff70);
}

static struct content wide_of(const uint8_t *bytes, size_t size, uint64_t usable, unsigned width, bool is_big_endian)
{
	size_t n = 0, ascii = 0, letters = 0, pairs = 0;
	bool is_terminated = false, is_ended = false;
	uint32_t low_block = UINT32_MAX, high_block = 0, last = 0;
	bool varies = false;

	for (size_t at = 0; at + width <= size && n < 512; at += width) {
		uint32_t unit = width == 4 ? half_at(bytes, at) :
				is_big_endian ? (uint32_t)bytes[at] << 8 | bytes[at + 1] :
						(uint32_t)bytes[at + 1] << 8 | bytes[at];

		if (at == 0 && unit == 0xfeff)
			continue;
		if (unit == 0) {
			is_terminated = is_ended = true;
			break;
		}
		// The two halves of a character beyond the first plane.
		bool is_surrogate = width == 2 && unit >= 0xd800 && unit < 0xe000 && n > 0;
		if (!is_surrogate && !(width == 4 && unit >= 0x1f300 && unit < 0x1fb00) && !(unit < 0x10000 && is_utf16_unit(unit))) {
			is_ended = true;
			break;
		}
		varies |= n > 0 && unit != last;
		last = unit;
		n++;
		ascii += unit < 0x80;
		// Plain text, two letters at a time, looks like Chinese.
		pairs += width == 2 && (unit & 0xff) >= 0x20 && (unit & 0xff) < 0x7f && unit >> 8 >= 0x20 && unit >> 8 < 0x7f;
		letters += unit == ' ' || ((unit | 0x20) >= 'a' && (unit | 0x20) <= 'z');
		if (unit >= 0x80 && !is_surrogate) {
			low_block = unit < low_block ? unit : low_block;
			high_block = unit > high_block ? unit : high_block;
		}
	}
	if (n < TEXT_MIN || !varies || pairs * 2 > n)
		return content(CONTENT_UNKNOWN, 0);
	bool is_tight = (!is_ended && size < usable) || (n + 1) * width + SLACK >= usable;
	enum content_kind kind = width == 4 ? CONTENT_UTF32 : CONTENT_UTF16;
	// ASCII with a zero beside each byte; small numbers look so too, but seldom like words.
	if (ascii == n && letters * 2 >= n && (is_terminated || n >= 8))
		return content(kind, (n >= 8 ? 85 : 60) + (is_tight ? 10 : 0));
	// One script, with or without ASCII between.
	bool one_script = low_block != UINT32_MAX && (high_block - low_block < 0x180 || (low_block >= 0x3000 && high_block >= 0x3000));
	if (one_script && n >= 12 && (is_terminated || is_tight) && width == 2)
		return content(kind, is_tight ? 75 : 60);
	if (one_script && n >= 8 && width == 4 && is_terminated)
		return content(kind, is_tight ? 80 : 60);
	if (ascii * 4 >= n * 3 && n >= 8 && letters * 2 >= n && (is_terminated || is_tight))
		return content(kind, 70);
	return content(CONTENT_UNKNOWN, 0);
}

/* ---- elements ---- */

/* Which word of a chunk is the i-th that is looked at: the first ones, then spread. */
static size_t sample_at(size_t i, size_t n)
{
	if (n <= ELEMENTS_MAX || i < ELEMENTS_MAX / 2)
		return i;
	return ELEMENTS_MAX / 2 + (i - ELEMENTS_MAX / 2) * (n - ELEMENTS_MAX / 2) / (ELEMENTS_MAX / 2);
}

static unsigned array_confidence(size_t n)
{
	return n >= 64 ? 85 : n >= 32 ? 75 : n >= 16 ? 65 : 50;
}

static bool is_double(uint64_t word)
{
	unsigned exponent = word >> 52 & 0x7ff;

	// Between 1e-9 and 1e12 or so.
	return exponent >= 1023 - 30 && exponent <= 1023 + 40;
}

static bool is_float(uint32_t half)
{
	unsigned exponent = half >> 23 & 0xff;

	return exponent >= 127 - 20 && exponent <= 127 + 24;
}

static bool is_small(uint32_t half)
{
	return half < 1 << 24 || half >= UINT32_MAX - 0xffff;
}

/* What words of an array may still be. */
struct elements {
	size_t set, pointers, halves_set;
	bool all_pointers, all_doubles, all_floats, all_small, high_zero, varies;
};

static void element_add(struct elements *elements, uint64_t word, const struct chunks *chunks)
{
	uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);

	elements->all_small &= is_small(low) && is_small(high);
	elements->high_zero &= high == 0 || (high == UINT32_MAX && low >= UINT32_C(1) << 31);
	if (!word)
		return;
	elements->set++;
	elements->halves_set += (low != 0) + (high != 0);
	elements->all_doubles &= is_double(word);
	elements->all_floats &= (!low || is_float(low)) && (!high || is_float(high));
	// Whether there is a chunk is asked at the end: it takes longer than all the rest.
	if (chunks && chunks_may_hold(chunks, word))
		elements->pointers++;
	else
		elements->all_pointers = false;
}

static bool first_are_pointers(const uint8_t *bytes, size_t words, const struct chunks *chunks)
{
	size_t n = 0;

	for (size_t at = 0; at < words && n < ELEMENTS_MIN; at++) {
		uint64_t word = word_at(bytes, at * 8);

		if (word && !is_chunk_pointer(chunks, word))
			return false;
		n += word != 0;
	}
	return true;
}

static struct content elements_of(const uint8_t *bytes, size_t size, uint64_t usable, const struct chunks *chunks)
{
	struct elements found = {.all_pointers = true, .all_doubles = true, .all_floats = true, .all_small = true, .high_zero = true};
	size_t words = size / 8;

	// The last two may lie behind what was asked for.
	if (size == usable && words >= ELEMENTS_MIN + 2)
		words -= 2;
	if (words < ELEMENTS_MIN)
		return content(CONTENT_UNKNOWN, 0);
	size_t looked = words < ELEMENTS_MAX ? words : ELEMENTS_MAX;
	for (size_t i = 0; i < looked; i++) {
		uint64_t word = word_at(bytes, sample_at(i, words) * 8);

		found.varies |= word != word_at(bytes, 0);
		element_add(&found, word, chunks);
		if (!found.all_pointers && !found.all_doubles && !found.all_floats && !found.all_small)
			return content(CONTENT_UNKNOWN, 0);
	}
	// A table of buckets is mostly empty; a chunk with a few pointers is a struct.
	if (found.all_pointers && found.pointers >= ELEMENTS_MIN / 2 && found.set * 8 >= looked && first_are_pointers(bytes, words, chunks))
		return content(CONTENT_POINTERS, array_confidence(found.pointers));
	if (!found.varies || found.pointers > 0)
		return content(CONTENT_UNKNOWN, 0);
	if (found.all_small && found.set * 2 >= looked)
		return content(CONTENT_INTEGERS, array_confidence(found.high_zero ? found.set : found.halves_set));
	// Eight random words are no doubles with odds of one in 10^11; whole ones have their low half zero.
	if (found.all_doubles && found.set >= ELEMENTS_MIN && found.set * 2 >= looked)
		return content(CONTENT_DOUBLES, array_confidence(found.set) + 5);
	if (found.all_floats && found.halves_set >= 2 * ELEMENTS_MIN && found.halves_set >= looked)
		return content(CONTENT_FLOATS, array_confidence(found.halves_set / 2));
	return content(CONTENT_UNKNOWN, 0);
}

struct content content_of_bytes(const uint8_t *bytes, size_t size, uint64_t usable, const struct chunks *chunks)
{
	if (size > CONTENT_LOOK)
		size = CONTENT_LOOK;
	if (size > usable)
		size = (size_t)usable;
	if (size < 8)
		return content(CONTENT_UNKNOWN, 0);
	if (!word_at(bytes, 0) && all_zero(bytes, size))
		// A chunk of 24 bytes may just be a struct that has nothing to say.
		return content(CONTENT_ZERO, size >= 64 ? 95 : 70);

	struct content found = format_of(bytes, size, usable);
	if (found.kind == CONTENT_UNKNOWN)
		found = text_of(bytes, size, usable, chunks);
	if (found.kind != CONTENT_UNKNOWN && found.confidence >= 50)
		return found;

	// Every second byte (or three of four) zero, or the same script.
	struct content other = content(CONTENT_UNKNOWN, 0);
	if (bytes[0] && bytes[2] | bytes[3])
		other = wide_of(bytes, size, usable, 2, false);
	if (other.kind == CONTENT_UNKNOWN && !bytes[2] && !bytes[3] && bytes[4])
		other = wide_of(bytes, size, usable, 4, false);
	if (other.kind == CONTENT_UNKNOWN && !bytes[0] && bytes[1] && !bytes[2])
		other = wide_of(bytes, size, usable, 2, true);
	if (other.kind == CONTENT_UNKNOWN)
		other = elements_of(bytes, size, usable, chunks);
	if (other.kind == CONTENT_UNKNOWN && size >= DENSE_MIN && is_dense(bytes, size))
		other = content(CONTENT_DENSE, 60);
	return other.confidence > found.confidence ? other : found;
}

/* Whether samples behind the look are zero too. */
static bool samples_zero(struct window *window, vaddr mem, uint64_t usable)
{
	uint64_t step = (usable - CONTENT_LOOK) / SAMPLES & ~UINT64_C(7);
	uint64_t word;

	for (uint64_t i = 0; i < SAMPLES; i++) {
		for (uint64_t at = CONTENT_LOOK + i * step; at < CONTENT_LOOK + i * step + SAMPLE_SIZE && at + 8 <= usable; at += 8) {
			if (!window_word(window, mem + at, &word) || word)
				return false;
		}
	}
	return !window_word(window, mem + ((usable - 8) & ~UINT64_C(7)), &word) || !word;
}

struct content content_of_chunk(struct window *window, vaddr mem, uint64_t usable, const struct chunks *chunks)
{
	size_t size = usable < CONTENT_LOOK ? (size_t)usable : CONTENT_LOOK;
	uint8_t copy[CONTENT_LOOK];
	const uint8_t *bytes = NULL;
	uint64_t word;

	if (size < 8 || !window_word(window, mem, &word))
		return content(CONTENT_UNKNOWN, 0);
	if (mem >= window->start && window->end - mem >= size && window->bytes && mem < window->end) {
		bytes = window->bytes + (mem - window->start);
	} else {
		if (!image_get(window->image, mem, copy, size))
			return content(CONTENT_UNKNOWN, 0);
		bytes = copy;
	}
	struct content found = content_of_bytes(bytes, size, usable, chunks);
	if (found.kind == CONTENT_ZERO && usable > CONTENT_LOOK && !samples_zero(window, mem, usable))
		return content(CONTENT_UNKNOWN, 0);
	return found;
}
