/* SPDX-License-Identifier: MIT */
/*
 * Text for people: sizes, counts, and strings that came from a target.
 *
 * Whatever the target wrote (paths, thread names, symbols) is untrusted: it passes through text_escape() before it
 * reaches a terminal.
 */
#ifndef HEAPSNAP_BASE_TEXT_H
#define HEAPSNAP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_NUMBER_MAX = 32 };

/** Bytes with a binary unit («1.25 GiB», «96 B»), three significant digits, or plain digits where plain is set.
    Writes at most TEXT_NUMBER_MAX bytes; returns buffer. */
const char *text_bytes(char buffer[TEXT_NUMBER_MAX], uint64_t bytes, bool plain);

/** A number with a comma between each three digits. Writes at most TEXT_NUMBER_MAX bytes; returns buffer. */
const char *text_count(char buffer[TEXT_NUMBER_MAX], uint64_t count);

/** The first length bytes of a string with control bytes, backslashes and bytes that are not UTF-8 written as \xNN.
    Owner: the caller. */
char *text_escape(const char *string, size_t length);

/** The name of a type without the word struct, union, class or enum in front. Borrowed from it. */
const char *text_without_keyword(const char *name);

/** A word as a shell takes it: itself, or between quotes where it has blanks or the like. Owner: the caller. */
char *text_shell_word(const char *word);

/** Parses «4096», «0x1000», «64k», «1.5M», «2GiB» to bytes (binary units); false if it is none of these. */
bool text_parse_bytes(const char *string, uint64_t *ret);

/** Parses a time that is more than nothing: «90», «0.5», «90s», «5m», «2h», «1d»; a number without a unit counts `one` seconds each. False if it is none of
    these. Units: ns. */
bool text_parse_seconds(const char *string, double one, uint64_t *ret);

/** Parses a whole unsigned number in decimal, or in hexadecimal after 0x; false if there is anything else. */
bool text_parse_u64(const char *string, uint64_t *ret);

#endif
