/* SPDX-License-Identifier: MIT */
/*
 * Segments are collected in any order and with any overlap, and settled once, by image_seal(): a sweep over the starts
 * with a heap of the segments that are open at the current address; the one that ranks first (captured before
 * untouched before file, then the order of arrival) supplies the bytes up to its end or the next start. So a hostile
 * core with n segments, however they overlap, costs n log n and gives at most 2n pieces.
 */
#include "target/image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

/* A segment while it is being settled: the order in which it came decides between equals. */
struct claim {
	struct segment segment;
	size_t order;
};

typedef ARRAY(struct segment) segment_array;

void image_init(struct image *image)
{
	memset(image, 0, sizeof(*image));
}

void image_deinit(struct image *image)
{
	array_deinit(&image->segments);
	image->sealed = false;
}

static void add(struct image *image, struct segment segment, uint64_t size)
{
	assert(!image->sealed);
	// The last byte of the address space cannot be held: its end would be no address.
	if (size > VADDR_NONE - segment.start)
		size = VADDR_NONE - segment.start;
	if (!size)
		return;
	segment.end = segment.start + size;
	array_append(&image->segments, segment);
}

void image_add_bytes(struct image *image, vaddr start, uint64_t size, const void *bytes)
{
	add(image, (struct segment){ .start = start, .bytes = bytes, .fd = -1 }, size);
}

void image_add_untouched(struct image *image, vaddr start, uint64_t size, const void *bytes)
{
	add(image, (struct segment){ .start = start, .bytes = bytes, .fd = -1, .untouched = true },
	    size);
}

void image_add_file(struct image *image, vaddr start, uint64_t size, int fd, uint64_t offset)
{
	add(image, (struct segment){ .start = start, .fd = fd, .offset = offset }, size);
}

static int rank(const struct segment *segment)
{
	return segment->fd >= 0 ? 2 : segment->untouched ? 1 : 0;
}

/* Whether claim a supplies the bytes where both claim them. */
static bool precedes(const struct claim *a, const struct claim *b)
{
	int rank_a = rank(&a->segment), rank_b = rank(&b->segment);

	return rank_a != rank_b ? rank_a < rank_b : a->order < b->order;
}

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;

	if (a->segment.start != b->segment.start)
		return a->segment.start < b->segment.start ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void heap_push(const struct claim **heap, size_t *n, const struct claim *claim)
{
	size_t at = (*n)++;

	while (at && precedes(claim, heap[(at - 1) / 2])) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = claim;
}

static void heap_pop(const struct claim **heap, size_t *n)
{
	const struct claim *last = heap[--*n];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= *n)
			break;
		if (child + 1 < *n && precedes(heap[child + 1], heap[child]))
			child++;
		if (!precedes(heap[child], last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
}

/* Whether b continues a: in the target, and in the memory or file that holds the bytes. */
static bool continues(const struct segment *a, const struct segment *b)
{
	uint64_t size = a->end - a->start;

	if (a->end != b->start || a->fd != b->fd || a->untouched != b->untouched ||
	    !a->bytes != !b->bytes)
		return false;
	return a->fd >= 0 ? a->offset + size == b->offset
			  : !a->bytes || a->bytes + size == b->bytes;
}

/* Appends [start, end) of a segment, or lengthens the last one by it. */
static void emit(segment_array *segments, const struct segment *from, vaddr start, vaddr end)
{
	struct segment piece = *from;
	uint64_t skipped = start - from->start;

	piece.start = start;
	piece.end = end;
	if (piece.fd >= 0)
		piece.offset += skipped;
	else if (piece.bytes)
		piece.bytes += skipped;
	if (segments->n && continues(&segments->v[segments->n - 1], &piece))
		segments->v[segments->n - 1].end = end;
	else
		array_append(segments, piece);
}

void image_seal(struct image *image)
{
	assert(!image->sealed);
	image->sealed = true;

	size_t n = image->segments.n;

	if (!n)
		return;

	_cleanup_free_ struct claim *claims = xcalloc(n, sizeof(*claims));
	_cleanup_free_ const struct claim **open = xcalloc(n, sizeof(*open));
	segment_array settled = { 0 };

	for (size_t i = 0; i < n; i++)
		claims[i] = (struct claim){ image->segments.v[i], i };
	qsort(claims, n, sizeof(*claims), compare_claims);

	size_t n_open = 0, next = 0;
	vaddr at = 0;

	while (n_open || next < n) {
		if (!n_open)
			at = claims[next].segment.start;
		while (next < n && claims[next].segment.start <= at)
			heap_push(open, &n_open, &claims[next++]);
		while (n_open && open[0]->segment.end <= at)
			heap_pop(open, &n_open);
		if (!n_open)
			continue;

		vaddr end = open[0]->segment.end;

		if (next < n && claims[next].segment.start < end)
			end = claims[next].segment.start;
		emit(&settled, &open[0]->segment, at, end);
		at = end;
	}
	array_deinit(&image->segments);
	image->segments.v = settled.v;
	image->segments.n = settled.n;
	image->segments.capacity = settled.capacity;
}

const struct segment *image_find(const struct image *image, vaddr address)
{
	size_t low = 0, high = image->segments.n;

	assert(image->sealed || !image->segments.n);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct segment *segment = &image->segments.v[middle];

		if (address < segment->start)
			high = middle;
		else if (address >= segment->end)
			low = middle + 1;
		else
			return segment;
	}
	return NULL;
}

/* The segment after one, if it starts where that one ends; else NULL. */
static const struct segment *next_adjacent(const struct image *image, const struct segment *segment)
{
	const struct segment *next = segment + 1;

	return next < image->segments.v + image->segments.n && next->start == segment->end ? next
											   : NULL;
}

/* Whether this is the read that a test wants to fail. */
static bool read_fails(const struct image *image)
{
	if (!image->reads_left)
		return false;
	if (!*image->reads_left)
		return true;
	--*image->reads_left;
	return false;
}

const void *image_view(const struct image *image, vaddr address, uint64_t size)
{
	const struct segment *segment = image_find(image, address);

	if (!segment || !segment->bytes || read_fails(image))
		return NULL;

	const uint8_t *view = segment->bytes + (address - segment->start);

	// Touched and untouched pages of one mapping lie side by side in the buffer.
	while (size > segment->end - address) {
		const struct segment *next = next_adjacent(image, segment);

		if (!next || !next->bytes ||
		    next->bytes != segment->bytes + (segment->end - segment->start))
			return NULL;
		size -= segment->end - address;
		address = segment->end;
		segment = next;
	}
	return view;
}

/* Reads within one segment; false when the file is shorter than its mapping or cannot be read. */
static bool segment_get(const struct segment *segment, vaddr address, uint8_t *buffer, size_t size)
{
	uint64_t skipped = address - segment->start;

	if (segment->bytes) {
		memcpy(buffer, segment->bytes + skipped, size);
		return true;
	}
	if (segment->fd < 0) {
		memset(buffer, 0, size);
		return true;
	}
	if (segment->offset > INT64_MAX - skipped)
		return false;

	uint64_t offset = segment->offset + skipped;

	while (size) {
		ssize_t got = pread(segment->fd, buffer, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		buffer += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

bool image_get(const struct image *image, vaddr address, void *buffer, size_t size)
{
	const struct segment *segment = image_find(image, address);
	uint8_t *to = buffer;

	if (size && read_fails(image))
		return false;
	while (size) {
		if (!segment)
			return false;

		uint64_t here = segment->end - address;
		size_t part = here < size ? (size_t)here : size;

		if (!segment_get(segment, address, to, part))
			return false;
		to += part;
		size -= part;
		address += part;
		segment = next_adjacent(image, segment);
	}
	return true;
}

bool image_get_word(const struct image *image, vaddr address, uint64_t *ret)
{
	uint64_t word;

	if (!image_get(image, address, &word, sizeof(word)))
		return false;
	*ret = word;
	return true;
}

struct error *image_read(const struct image *image, vaddr address, void *buffer, size_t size,
			 const char *what)
{
	if (image_get(image, address, buffer, size))
		return NULL;
	return error_fault(address, "%s at 0x%" PRIxVADDR " (%zu bytes) is not in the image", what,
			   address, size);
}

char *image_get_string(const struct image *image, vaddr address, size_t maximum)
{
	const struct segment *segment = image_find(image, address);
	ARRAY(char) string = { 0 };
	char part[256];

	if (segment && read_fails(image))
		return NULL;
	while (segment) {
		uint64_t here = segment->end - address;
		// One byte more than the longest string, for its NUL.
		size_t wanted = maximum - string.n < sizeof(part) - 1 ? maximum - string.n + 1
								      : sizeof(part);
		size_t size = here < wanted ? (size_t)here : wanted;

		// A file can end inside the segment, behind the string: what it still has is enough.
		while (size && !segment_get(segment, address, (uint8_t *)part, size))
			size /= 2;
		if (!size)
			break;

		const char *end = memchr(part, '\0', size);
		size_t length = end ? (size_t)(end - part) : size;

		array_reserve(&string, length + 1);
		memcpy(string.v + string.n, part, length);
		string.n += length;
		if (end && string.n <= maximum) {
			string.v[string.n] = '\0';
			return string.v;
		}
		if (string.n > maximum)
			break;
		address += size;
		if (address == segment->end)
			segment = next_adjacent(image, segment);
	}
	array_deinit(&string);
	return NULL;
}
