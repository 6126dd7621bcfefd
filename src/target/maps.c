/* SPDX-License-Identifier: MIT */
#include "target/maps.h"

#include <string.h>

#include "base/alloc.h"

/* What is left of one line. */
struct line {
	const char *at, *end;
};

/* Digits of a base up to 16, at least one, no more than 64 bits. */
static bool take_number(struct line *line, unsigned base, uint64_t *ret)
{
	const char *start = line->at;
	uint64_t value = 0;

	for (; line->at < line->end; line->at++) {
		char c = *line->at;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			break;
		if (digit >= base)
			break;
		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (line->at == start)
		return false;
	*ret = value;
	return true;
}

static bool take_char(struct line *line, char wanted)
{
	if (line->at == line->end || *line->at != wanted)
		return false;
	line->at++;
	return true;
}

/* One of the four letters after the addresses: its own letter or the one that means «not». */
static bool take_flag(struct line *line, char yes, char no, bool *ret)
{
	if (line->at == line->end || (*line->at != yes && *line->at != no))
		return false;
	*ret = *line->at++ == yes;
	return true;
}

/* The path as the target sees it: the kernel writes a newline in it as \012 and nothing else differently
   (fs/proc/task_mmu.c, seq_file_path(m, file, "\n")). */
static char *path_copy(const char *text, size_t length)
{
	char *path = xmalloc(length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		if (length - i >= 4 && memcmp(text + i, "\\012", 4) == 0) {
			path[n++] = '\n';
			i += 3;
		} else {
			path[n++] = text[i];
		}
	}
	path[n] = '\0';
	return path;
}

/* 55c5b2c3c000-55c5b2c40000 r-xp 00004000 fe:01 1311  /usr/bin/cat (deleted) */
static bool line_parse(struct line line, struct mapping *ret)
{
	static const char deleted[] = " (deleted)";
	struct mapping mapping = { .file = -1, .rss = UINT64_MAX };
	bool readable, writable, executable;
	uint64_t major, minor;

	if (!take_number(&line, 16, &mapping.start) || !take_char(&line, '-') ||
	    !take_number(&line, 16, &mapping.end) || !take_char(&line, ' ') ||
	    !take_flag(&line, 'r', '-', &readable) || !take_flag(&line, 'w', '-', &writable) ||
	    !take_flag(&line, 'x', '-', &executable) ||
	    !take_flag(&line, 's', 'p', &mapping.shared) || !take_char(&line, ' ') ||
	    !take_number(&line, 16, &mapping.offset) || !take_char(&line, ' ') ||
	    !take_number(&line, 16, &major) || !take_char(&line, ':') ||
	    !take_number(&line, 16, &minor) || !take_char(&line, ' ') ||
	    !take_number(&line, 10, &mapping.inode))
		return false;
	if (mapping.start >= mapping.end || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	mapping.prot = (readable ? MAPPING_READ : 0u) | (writable ? MAPPING_WRITE : 0u) |
		       (executable ? MAPPING_EXEC : 0u);
	mapping.dev_major = (uint32_t)major;
	mapping.dev_minor = (uint32_t)minor;
	if (line.at < line.end && *line.at != ' ')
		return false;
	while (line.at < line.end && *line.at == ' ')
		line.at++;

	size_t length = (size_t)(line.end - line.at), suffix = sizeof(deleted) - 1;

	if (length > suffix && memcmp(line.end - suffix, deleted, suffix) == 0) {
		mapping.deleted = true;
		length -= suffix;
	}
	if (memchr(line.at, '\0', length))
		return false;
	if (length)
		mapping.path = path_copy(line.at, length);
	*ret = mapping;
	return true;
}

struct error *mappings_parse(const char *text, size_t length, mapping_array *ret)
{
	mapping_array mappings = { 0 };
	size_t number = 0;

	for (size_t at = 0; at < length;) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t end = newline ? (size_t)(newline - text) : length;
		struct mapping mapping;

		number++;
		if (!line_parse((struct line){ text + at, text + end }, &mapping)) {
			mappings_deinit(&mappings);
			return error_create(
				ERROR_FORMAT,
				"the list of mappings cannot be read: line %zu (byte %zu)", number,
				at);
		}
		at = end + 1;

		// The text of a process that runs is not from one moment: a mapping that grew between two reads of
		// the file is listed by its old end and once more from its start. What came first stays.
		vaddr previous = mappings.n ? mappings.v[mappings.n - 1].end : 0;

		if (mapping.end <= previous) {
			free(mapping.path);
			continue;
		}
		if (mapping.start < previous) {
			if (mapping.inode)
				mapping.offset += previous - mapping.start;
			mapping.start = previous;
		}
		array_append(&mappings, mapping);
	}
	ret->v = mappings.v;
	ret->n = mappings.n;
	ret->capacity = mappings.capacity;
	return NULL;
}

void mappings_deinit(mapping_array *mappings)
{
	for (size_t i = 0; i < mappings->n; i++)
		free(mappings->v[i].path);
	array_deinit(mappings);
}

const struct mapping *mappings_find(const mapping_array *mappings, vaddr address)
{
	size_t low = 0, high = mappings->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapping *mapping = &mappings->v[middle];

		if (address < mapping->start)
			high = middle;
		else if (address >= mapping->end)
			low = middle + 1;
		else
			return mapping;
	}
	return NULL;
}

bool mapping_is_private_anonymous(const struct mapping *mapping)
{
	unsigned both = MAPPING_READ | MAPPING_WRITE;

	if (mapping->shared || (mapping->prot & both) != both)
		return false;
	if (!mapping->path || strcmp(mapping->path, "[heap]") == 0 ||
	    strncmp(mapping->path, "[stack", 6) == 0 || strncmp(mapping->path, "[anon:", 6) == 0)
		return true;
	// mmap(MAP_HUGETLB | MAP_ANONYMOUS) and a private mapping of /dev/zero have an inode, but nothing in it.
	return strcmp(mapping->path, "/anon_hugepage") == 0 ||
	       strcmp(mapping->path, "/dev/zero") == 0;
}
