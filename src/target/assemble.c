/* SPDX-License-Identifier: MIT */
#include "target/assemble.h"

#include <string.h>
#include <unistd.h>

/* A gap of untouched pages up to this size is not worth a segment of its own. */
#define UNTOUCHED_MIN (64 * 1024)
/* What a module keeps of its file in a writable mapping is filled in from the file up to this size. */
#define FILL_MAX (UINT64_C(16) << 20)

/* Adds the planned runs in [start, end) that could be read. */
static void add_copied(struct image *image, const struct store *store, const copy_hole_array *holes,
		       size_t *hole, vaddr start, vaddr end)
{
	while (start < end) {
		while (*hole < holes->n && holes->v[*hole].end <= start)
			++*hole;
		if (*hole < holes->n && holes->v[*hole].start <= start) {
			start = holes->v[*hole].end;
			continue;
		}

		const struct store_span *span = store_find(store, start);
		vaddr until = *hole < holes->n && holes->v[*hole].start < end
				      ? holes->v[*hole].start
				      : end;

		if (until > span->end)
			until = span->end;
		image_add_bytes(image, start, until - start, span->bytes + (start - span->start));
		start = until;
	}
}

/* Adds pages between the copied ones that were never touched: zero, in our memory too where there is room beside the others. */
static void add_untouched(struct image *image, const struct store *store, vaddr start, vaddr end)
{
	while (start < end) {
		const struct store_span *span = store_find(store, start);
		vaddr until = end;

		if (!span) {
			for (size_t i = 0; i < store->spans.n; i++)
				if (store->spans.v[i].start > start &&
				    store->spans.v[i].start < until)
					until = store->spans.v[i].start;
			image_add_untouched(image, start, until - start, NULL);
		} else {
			const uint8_t *bytes = span->bytes + (start - span->start);

			if (until > span->end)
				until = span->end;
			if (end - start < UNTOUCHED_MIN)
				image_add_bytes(image, start, until - start, bytes);
			else
				image_add_untouched(image, start, until - start, bytes);
		}
		start = until;
	}
}

/* Reads what lies between the copied pages of a module's data from its file, so that all of it is in memory. Where that fails, the image
   still has the file. */
static void add_filled(struct image *image, const struct store *store,
		       const struct mapping *mapping, int fd, uint32_t page_size, vaddr start,
		       vaddr end)
{
	for (vaddr at = start; at < end;) {
		const struct store_span *span = store_find(store, at);

		if (!span)
			return;

		uint64_t size = (end < span->end ? end : span->end) - at;
		uint8_t *bytes = span->bytes + (at - span->start);
		ssize_t got = pread(fd, bytes, size,
				    (off_t)(mapping->offset + (at - mapping->start)));

		if (got <= 0)
			return;

		// The rest of the page in which the file ends is zero in memory.
		uint64_t whole = ((uint64_t)got + page_size - 1) / page_size * page_size;

		memset(bytes + got, 0, whole - (uint64_t)got);
		image_add_bytes(image, at, whole, bytes);
		if (whole < size)
			return;
		at += size;
	}
}

void assemble_image(const struct target *files, const mapping_array *mappings,
		    const struct plan *plan, const copy_hole_array *holes,
		    const struct store *store, bool fill, struct image *image)
{
	size_t at = 0, hole = 0;

	for (size_t i = 0; i < mappings->n; i++) {
		const struct mapping *mapping = &mappings->v[i];
		enum plan_kind kind = plan->kinds.v[i];
		int fd = mapping->file >= 0 ? files->files.v[mapping->file].fd : -1;
		bool filled = fill && kind == PLAN_FILE && fd >= 0 &&
			      mapping->end - mapping->start <= FILL_MAX;
		vaddr done = mapping->start;

		if (fd >= 0 && mapping->prot)
			image_add_file(image, mapping->start, mapping->end - mapping->start, fd,
				       mapping->offset);
		for (;; at++) {
			bool more = at < plan->runs.n && plan->runs.v[at].start < mapping->end;
			vaddr next = more ? plan->runs.v[at].start : mapping->end;

			if (done < next && kind == PLAN_ANONYMOUS)
				add_untouched(image, store, done, next);
			if (done < next && filled)
				add_filled(image, store, mapping, fd, files->page_size, done, next);
			if (!more)
				break;
			done = plan->runs.v[at].end;
			add_copied(image, store, holes, &hole, next, done);
		}
	}
	image_seal(image);
}
