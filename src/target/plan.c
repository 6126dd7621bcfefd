/* SPDX-License-Identifier: MIT */
#include "target/plan.h"

#include <string.h>

#include "base/alloc.h"

static const uint64_t MIB = UINT64_C(1) << 20, GIB = UINT64_C(1) << 30;

/* Shared memory is copied up to this much even if the private memory is less. */
#define SHARED_MIN (256 * MIB)
/* A private, writable mapping of a file that we do not hold is copied whole up to this size. */
#define FILE_ALL_MAX (64 * MIB)
/* Mappings nearer than this share a span. */
#define SPAN_GAP GIB
/* Room before and behind a span, for heaps and stacks that grow. */
#define SPAN_SLACK (64 * MIB)

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

/* Memory of a device, or of the kernel: reading it may have effects, and it holds no heap. */
static bool is_special(const struct mapping *mapping)
{
	const char *path = mapping->path;

	if (!path)
		return false;
	if (path[0] == '[')
		return begins(path, "[vvar") || begins(path, "[vsyscall") ||
		       begins(path, "[uprobes");
	if (begins(path, "/dev/"))
		return strcmp(path, "/dev/zero") != 0 && !begins(path, "/dev/shm/") &&
		       !begins(path, "/dev/hugepages/");
	return begins(path, "anon_inode:") || begins(path, "/dmabuf") ||
	       begins(path, "/drm mm object") || begins(path, "/i915");
}

static bool is_anonymous(const struct mapping *mapping)
{
	if (!mapping->path || !mapping->inode)
		return true;
	return strcmp(mapping->path, "/anon_hugepage") == 0 ||
	       strcmp(mapping->path, "/dev/zero") == 0;
}

/* Shared memory that no file on disk stands for. */
static bool is_shared_memory(const struct mapping *mapping)
{
	return is_anonymous(mapping) || begins(mapping->path, "/memfd:") ||
	       begins(mapping->path, "/SYSV") || begins(mapping->path, "/dev/shm/") ||
	       begins(mapping->path, "[anon_shmem:");
}

static enum plan_kind kind_of(const struct target *files, const struct mapping *mapping)
{
	if (!(mapping->prot & MAPPING_READ) || is_special(mapping))
		return PLAN_NOTHING;
	if (mapping->path && strcmp(mapping->path, "[vdso]") == 0)
		return PLAN_ALL;
	if (mapping->shared)
		return mapping->prot & MAPPING_WRITE && is_shared_memory(mapping) ? PLAN_SHARED
										  : PLAN_NOTHING;
	if (is_anonymous(mapping))
		return PLAN_ANONYMOUS;

	bool open = mapping->file >= 0 && files->files.v[mapping->file].fd >= 0;

	if (mapping->prot & MAPPING_WRITE)
		return !open && mapping->end - mapping->start <= FILE_ALL_MAX ? PLAN_FILE_ALL
									      : PLAN_FILE;
	// A module whose file is out of reach: its text and tables are at least in the target's memory.
	if (mapping->file >= 0 && !open && mapping->end - mapping->start <= FILE_ALL_MAX)
		return PLAN_FILE_ALL;
	return PLAN_CHANGED;
}

static bool run_wanted(enum plan_kind kind, unsigned page_kind)
{
	switch (kind) {
	case PLAN_ANONYMOUS:
	case PLAN_FILE:
	case PLAN_SHARED:
		return page_kind & (PAGE_PRESENT | PAGE_SWAPPED);
	case PLAN_CHANGED:
		return page_kind & PAGE_SWAPPED ||
		       (page_kind & PAGE_PRESENT && !(page_kind & PAGE_OF_FILE));
	case PLAN_NOTHING:
	case PLAN_FILE_ALL:
	case PLAN_ALL:
		break;
	}
	return false;
}

static void run_add(struct plan *plan, size_t first, vaddr start, vaddr end, unsigned kind)
{
	struct page_run *last = plan->runs.n > first ? &plan->runs.v[plan->runs.n - 1] : NULL;

	plan->bytes += end - start;
	// Of what kind they were, only whether they are surely there matters for the copy.
	if (last && last->end == start && !((last->kind ^ kind) & (PAGE_PRESENT | PAGE_SWAPPED)))
		last->end = end;
	else
		array_append(&plan->runs, (struct page_run){ start, end, kind });
}

static bool overlaps(const page_run_array *runs, const struct mapping *mapping)
{
	for (size_t i = 0; i < runs->n; i++)
		if (runs->v[i].start < mapping->end && runs->v[i].end > mapping->start)
			return true;
	return false;
}

/* What an earlier plan had in a mapping whose pages are unknown now. False when it was unknown then, too. */
static bool runs_of_earlier(struct plan *plan, const struct plan *earlier, size_t first,
			    const struct mapping *mapping)
{
	if (!earlier || overlaps(&earlier->unknown, mapping))
		return false;
	for (size_t i = 0; i < earlier->runs.n; i++) {
		struct page_run run = earlier->runs.v[i];

		if (run.start < mapping->start)
			run.start = mapping->start;
		if (run.end > mapping->end)
			run.end = mapping->end;
		if (run.start < run.end)
			run_add(plan, first, run.start, run.end, run.kind);
	}
	return true;
}

/* Adds what is wanted of one mapping; *at is the place in the pages. */
static enum plan_kind mapping_plan(struct plan *plan, const struct mapping *mapping,
				   enum plan_kind kind, const page_run_array *pages, size_t *at,
				   const struct plan *earlier)
{
	size_t first = plan->runs.n;

	// Nothing says which pages of these are there.
	if (kind == PLAN_ALL || kind == PLAN_FILE_ALL)
		run_add(plan, first, mapping->start, mapping->end, 0);
	for (; *at < pages->n && pages->v[*at].start < mapping->end; ++*at) {
		const struct page_run *run = &pages->v[*at];

		if (run->start < mapping->start)
			continue;
		if (!(run->kind & PAGE_UNKNOWN)) {
			if (run_wanted(kind, run->kind))
				run_add(plan, first, run->start, run->end, run->kind);
		} else if (run_wanted(kind, PAGE_PRESENT) &&
			   !runs_of_earlier(plan, earlier, first, mapping)) {
			array_append(&plan->unknown, *run);
			kind = PLAN_NOTHING;
		}
	}
	return kind;
}

/* Takes shared mappings out again, from the end, until they are not more than the private ones. */
static void shared_bound(struct plan *plan, const mapping_array *mappings)
{
	uint64_t shared = 0, left = 0;
	size_t to = 0;

	for (size_t i = 0, at = 0; i < mappings->n; i++)
		for (; at < plan->runs.n && plan->runs.v[at].start < mappings->v[i].end; at++)
			if (plan->kinds.v[i] == PLAN_SHARED)
				shared += plan->runs.v[at].end - plan->runs.v[at].start;

	uint64_t bound = plan->bytes - shared < SHARED_MIN ? SHARED_MIN : plan->bytes - shared;

	if (shared <= bound)
		return;
	for (size_t i = 0, at = 0; i < mappings->n; i++) {
		size_t first = at;
		uint64_t bytes = 0;

		for (; at < plan->runs.n && plan->runs.v[at].start < mappings->v[i].end; at++)
			bytes += plan->runs.v[at].end - plan->runs.v[at].start;
		if (plan->kinds.v[i] == PLAN_SHARED && left + bytes > bound) {
			plan->kinds.v[i] = PLAN_NOTHING;
			plan->shared_left_out++;
			plan->shared_left_out_bytes += bytes;
			plan->bytes -= bytes;
			continue;
		}
		if (plan->kinds.v[i] == PLAN_SHARED)
			left += bytes;
		memmove(&plan->runs.v[to], &plan->runs.v[first],
			(at - first) * sizeof(*plan->runs.v));
		to += at - first;
	}
	plan->runs.n = to;
}

void plan_make(const struct target *files, const mapping_array *mappings,
	       const page_run_array *pages, const struct plan *earlier, struct plan *ret)
{
	struct plan plan = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < mappings->n; i++) {
		enum plan_kind kind = kind_of(files, &mappings->v[i]);

		array_append(&plan.kinds,
			     mapping_plan(&plan, &mappings->v[i], kind, pages, &at, earlier));
	}
	shared_bound(&plan, mappings);
	*ret = plan;
}

/* Reserves what is missing of [start, end). */
static bool cover(struct store *store, vaddr start, vaddr end)
{
	while (start < end) {
		const struct store_span *span = store_find(store, start);

		if (span) {
			start = span->end;
			continue;
		}

		vaddr until = end;

		for (size_t i = 0; i < store->spans.n; i++)
			if (store->spans.v[i].start > start && store->spans.v[i].start < until)
				until = store->spans.v[i].start;
		if (!store_reserve(store, start, until))
			return false;
		start = until;
	}
	return true;
}

/* Room for the planned runs in [start, end) alone. */
static bool reserve_runs(const struct plan *plan, vaddr start, vaddr end, struct store *store)
{
	for (size_t i = 0; i < plan->runs.n; i++)
		if (plan->runs.v[i].start >= start && plan->runs.v[i].end <= end &&
		    !cover(store, plan->runs.v[i].start, plan->runs.v[i].end))
			return false;
	return true;
}

bool plan_reserve(const struct plan *plan, const mapping_array *mappings, uint32_t page_size,
		  struct store *store)
{
	vaddr previous_end = page_size;

	for (size_t i = 0; i < mappings->n;) {
		if (plan->kinds.v[i] == PLAN_NOTHING) {
			i++;
			continue;
		}

		vaddr start = mappings->v[i].start, end = mappings->v[i].end;

		for (i++; i < mappings->n; i++) {
			if (plan->kinds.v[i] == PLAN_NOTHING)
				continue;
			if (mappings->v[i].start - end > SPAN_GAP)
				break;
			end = mappings->v[i].end;
		}
		// The next span is further away than both its slack and ours.
		// (Some old programs have a page at address zero.)
		vaddr low = start <= previous_end		? start
			    : start - previous_end > SPAN_SLACK ? start - SPAN_SLACK
								: previous_end;
		vaddr high = end + SPAN_SLACK > end ? end + SPAN_SLACK : end;

		if (!store_reserve(store, low, high) && !reserve_runs(plan, start, end, store))
			return false;
		previous_end = high;
	}
	return true;
}

bool plan_parts(const struct plan *plan, struct store *store, copy_part_array *ret)
{
	copy_part_array parts = { 0 };

	for (size_t i = 0; i < plan->runs.n; i++) {
		vaddr start = plan->runs.v[i].start, end = plan->runs.v[i].end;
		bool absent = !(plan->runs.v[i].kind & PAGE_PRESENT);

		while (start < end) {
			const struct store_span *span = store_find(store, start);

			if (!span || span->end < end) {
				// Found again afterwards: a reservation moves the list.
				if (!cover(store, start, end)) {
					array_deinit(&parts);
					return false;
				}
				span = store_find(store, start);
			}

			uint64_t size = (end < span->end ? end : span->end) - start;

			if (size > COPY_PART_MAX)
				size = COPY_PART_MAX;
			array_append(&parts, (struct copy_part){ .start = start,
								 .size = size,
								 .to = span->bytes +
								       (start - span->start),
								 .absent = absent });
			start += size;
		}
	}
	ret->v = parts.v;
	ret->n = parts.n;
	ret->capacity = parts.capacity;
	return true;
}

void plan_deinit(struct plan *plan)
{
	array_deinit(&plan->kinds);
	array_deinit(&plan->runs);
	array_deinit(&plan->unknown);
}
