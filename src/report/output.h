/* SPDX-License-Identifier: MIT */
/*
 * Bytes on their way to a descriptor: one buffer, and numbers written straight into it.
 *
 * A list of ten million rows is half a gigabyte of digits, so nothing here goes through stdio or a format string. It knows no
 * format and no terminal; that is the writer's business (report/writer.h).
 *
 * A reader that went away (EPIPE) is not a fault: what follows is dropped. Any other failed write is remembered and told at the end.
 */
#ifndef HEAPSNAP_REPORT_OUTPUT_H
#define HEAPSNAP_REPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

enum {
	OUTPUT_CAPACITY = 128 * 1024,
	/** More than any number takes. */
	OUTPUT_NUMBER_MAX = 32,
};

struct output {
	/** Borrowed. */
	int fd;
	/** errno of the first write that failed; 0 when none did. */
	int errnum;
	size_t used;
	/** Owned; OUTPUT_CAPACITY bytes. */
	char *buffer;
};

/** Starts an output to a descriptor, which is borrowed until output_deinit(). */
void output_init(struct output *output, int fd);

/** Frees the buffer without writing it. */
void output_deinit(struct output *output);

/** Writes what is buffered. */
void output_flush(struct output *output);

/** Appends bytes of any length. */
void output_bytes(struct output *output, const char *bytes, size_t length);

/** Appends formatted text. */
void output_format(struct output *output, const char *format, ...) _printf_(2, 3);

/** Appends a byte several times. */
void output_repeat(struct output *output, char byte, size_t count);

/** Appends the first length bytes of a string between quotes, as JSON wants it; the string is UTF-8 (text_escape() makes it so). */
void output_json_string(struct output *output, const char *string, size_t length);

/** Appends a field of RFC 4180: between quotes where it holds a comma, a quote or a line end. */
void output_csv_string(struct output *output, const char *string, size_t length);

/** Appends a fraction of one with six digits, «0.831250»; anything that is no number of [0, 1e9) is 0. */
void output_fraction(struct output *output, double fraction);

/** Flushes, and gives the error of the first write that failed. A reader that went away is none. */
struct error *output_finish(struct output *output) _must_check_;

/** Nobody will see further bytes: the reader went away or a write failed. */
static inline bool output_is_dead(const struct output *output)
{
	return output->errnum != 0;
}

/* Makes room for a short piece. */
static inline char *output_room(struct output *output, size_t size)
{
	if (OUTPUT_CAPACITY - output->used < size)
		output_flush(output);
	return output->buffer + output->used;
}

/** Appends one byte. */
static inline void output_byte(struct output *output, char byte)
{
	*output_room(output, 1) = byte;
	output->used++;
}

/** Appends a string. */
static inline void output_string(struct output *output, const char *string)
{
	output_bytes(output, string, strlen(string));
}

/** Writes decimal digits to buffer (at most 20), gives how many; no NUL. */
static inline size_t output_digits(char *buffer, uint64_t number)
{
	static const char pairs[201] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";
	char digits[20];
	size_t at = sizeof(digits);

	while (number >= 100) {
		at -= 2;
		memcpy(digits + at, pairs + number % 100 * 2, 2);
		number /= 100;
	}
	if (number >= 10) {
		at -= 2;
		memcpy(digits + at, pairs + number * 2, 2);
	} else {
		digits[--at] = (char)('0' + number);
	}
	memcpy(buffer, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

/** Writes «0x» and hexadecimal digits to buffer (at most 18), gives how many; no NUL. */
static inline size_t output_hex_digits(char *buffer, uint64_t number)
{
	unsigned digits = number ? (67u - (unsigned)__builtin_clzll(number)) / 4 : 1;

	buffer[0] = '0';
	buffer[1] = 'x';
	for (unsigned i = digits; i > 0; i--, number >>= 4)
		buffer[1 + i] = "0123456789abcdef"[number & 15];
	return 2 + digits;
}

/** Appends a number in decimal. */
static inline void output_number(struct output *output, uint64_t number)
{
	output->used += output_digits(output_room(output, OUTPUT_NUMBER_MAX), number);
}

/** Appends a number in hexadecimal, with 0x. */
static inline void output_hex(struct output *output, uint64_t number)
{
	output->used += output_hex_digits(output_room(output, OUTPUT_NUMBER_MAX), number);
}

#endif
