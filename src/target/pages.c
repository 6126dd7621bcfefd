/* SPDX-License-Identifier: MIT */
#include "target/pages.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"

/* Linux 6.7 include/uapi/linux/fs.h struct page_region, struct pm_scan_arg; headers of older systems lack them. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_argument {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_REQUEST _IOWR('f', 16, struct scan_argument)

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	SCAN_ZERO = 1 << 5,
	/** Regions in one call; a process has hundreds, a fragmented one more. */
	SCAN_REGIONS = 16384,
	/** Entries in one read of pagemap: 256 MiB of address space. */
	PAGEMAP_ENTRIES = 65536,
};

/* Bits of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst. */
static const uint64_t PAGEMAP_PRESENT = UINT64_C(1) << 63, PAGEMAP_SWAPPED = UINT64_C(1) << 62,
		      PAGEMAP_OF_FILE = UINT64_C(1) << 61;

/* [vsyscall] lies in the upper half, which is not the process's. */
static const vaddr UPPER_HALF = UINT64_C(1) << 63;

static void run_append(page_run_array *runs, size_t first, vaddr start, vaddr end, unsigned kind)
{
	struct page_run *last = runs->n > first ? &runs->v[runs->n - 1] : NULL;

	if (last && last->end == start && last->kind == kind)
		last->end = end;
	else
		array_append(runs, (struct page_run){ start, end, kind });
}

/* Whether it matters if a page of the mapping is the file's own. Asking costs a look at the page's descriptor, a cache miss for each: four times
   the rest of the scan. */
static bool needs_file(const struct mapping *mapping)
{
	return mapping->path && mapping->path[0] == '/' && !mapping->shared &&
	       !(mapping->prot & MAPPING_WRITE);
}

/* The answers of the kernel, cut at the ends of mappings. */
static void take_regions(const struct scan_region *regions, size_t n_regions,
			 const mapping_array *mappings, size_t n, size_t *at, size_t *first,
			 page_run_array *ret)
{
	for (size_t i = 0; i < n_regions; i++) {
		const struct scan_region *region = &regions[i];
		unsigned kind = (region->categories & SCAN_PRESENT ? PAGE_PRESENT : 0u) |
				(region->categories & SCAN_SWAPPED ? PAGE_SWAPPED : 0u) |
				(region->categories & SCAN_FILE ? PAGE_OF_FILE : 0u);
		vaddr start = region->start;

		// The kernel's page of zeros, for what was read and never written: nobody's memory, and not in RSS either.
		if (region->categories & SCAN_ZERO)
			continue;
		while (start < region->end) {
			while (*at < n && mappings->v[*at].end <= start) {
				// A run that one mapping ends with is not continued in the next one.
				++*at;
				*first = ret->n;
			}
			if (*at == n)
				return;
			if (start < mappings->v[*at].start)
				start = mappings->v[*at].start;
			if (start >= region->end)
				break;

			vaddr end = region->end < mappings->v[*at].end ? region->end
								       : mappings->v[*at].end;

			run_append(ret, *first, start, end, kind);
			start = end;
		}
	}
}

/* Successive mappings about which the same is asked, in as few calls as they take. */
static int scan_fast(int pagemap, const mapping_array *mappings, page_run_array *ret)
{
	_cleanup_free_ struct scan_region *regions = xcalloc(SCAN_REGIONS, sizeof(*regions));
	size_t n = mappings->n, at = 0, first = ret->n;

	while (n && mappings->v[n - 1].end > UPPER_HALF)
		n--;
	for (size_t from = 0, to; from < n; from = to) {
		bool file = needs_file(&mappings->v[from]);

		for (to = from + 1; to < n && needs_file(&mappings->v[to]) == file; to++)
			;

		struct scan_argument argument = {
			.size = sizeof(argument),
			.start = mappings->v[from].start,
			.end = mappings->v[to - 1].end,
			.vec = (uint64_t)(uintptr_t)regions,
			.vec_len = SCAN_REGIONS,
			.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
			.return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_ZERO |
				       (file ? SCAN_FILE : 0),
		};

		while (argument.start < argument.end) {
			int got = ioctl(pagemap, SCAN_REQUEST, &argument);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				return -1;
			take_regions(regions, (size_t)got, mappings, n, &at, &first, ret);

			// Where there are more regions than the kernel collects at a time (512), the end it reports may be
			// the last but one place where it paused, as late as 6.18: the regions behind would come twice.
			uint64_t next = argument.walk_end;

			if (got > 0 && regions[got - 1].end > next)
				next = regions[got - 1].end;
			if (next <= argument.start)
				break;
			argument.start = next;
		}
	}
	return 0;
}

static int scan_slow(int pagemap, const struct mapping *mapping, uint32_t page_size,
		     uint64_t *entries, page_run_array *ret)
{
	uint64_t page = mapping->start / page_size, end = mapping->end / page_size;
	size_t first = ret->n;

	while (page < end) {
		size_t wanted = end - page < PAGEMAP_ENTRIES ? (size_t)(end - page)
							     : PAGEMAP_ENTRIES;
		ssize_t got = pread(pagemap, entries, wanted * sizeof(*entries),
				    (off_t)(page * sizeof(*entries)));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got < (ssize_t)sizeof(*entries))
			break;
		for (size_t i = 0; i < (size_t)got / sizeof(*entries); i++, page++) {
			unsigned kind = (entries[i] & PAGEMAP_PRESENT ? PAGE_PRESENT : 0u) |
					(entries[i] & PAGEMAP_SWAPPED ? PAGE_SWAPPED : 0u);

			if (!kind)
				continue;
			if (entries[i] & PAGEMAP_OF_FILE)
				kind |= PAGE_OF_FILE;
			run_append(ret, first, page * page_size, (page + 1) * page_size, kind);
		}
	}
	return 0;
}

static int scan_all_slow(int pagemap, const mapping_array *mappings, uint32_t page_size,
			 uint64_t slow_max, page_run_array *ret)
{
	_cleanup_free_ uint64_t *entries = xcalloc(PAGEMAP_ENTRIES, sizeof(*entries));

	for (size_t i = 0; i < mappings->n && mappings->v[i].end <= UPPER_HALF; i++) {
		const struct mapping *mapping = &mappings->v[i];
		uint64_t size = mapping->end - mapping->start;

		if (size > slow_max) {
			array_append(ret, (struct page_run){ mapping->start, mapping->end,
							     PAGE_UNKNOWN });
			continue;
		}
		slow_max -= size;
		if (scan_slow(pagemap, mapping, page_size, entries, ret) < 0)
			return -1;
	}
	return 0;
}

struct error *pages_scan(int pagemap, const mapping_array *mappings, uint32_t page_size, bool slow,
			 uint64_t slow_max, page_run_array *ret)
{
	size_t before = ret->n;

	if (!slow) {
		if (scan_fast(pagemap, mappings, ret) == 0)
			return NULL;
		ret->n = before;
		// ENOTTY before Linux 6.7; anything else may be a filter's idea of the same.
		if (errno == ESRCH)
			return error_os(errno, "its page tables cannot be read");
	}
	if (scan_all_slow(pagemap, mappings, page_size, slow_max, ret) == 0)
		return NULL;
	ret->n = before;
	return error_os(errno, "its page tables cannot be read");
}

void pages_count(const page_run_array *runs, mapping_array *mappings)
{
	size_t at = 0;

	for (size_t i = 0; i < mappings->n; i++) {
		struct mapping *mapping = &mappings->v[i];
		uint64_t rss = 0;

		for (; at < runs->n && runs->v[at].start < mapping->end; at++) {
			const struct page_run *run = &runs->v[at];

			if (run->kind & PAGE_UNKNOWN)
				rss = UINT64_MAX;
			else if (run->kind & PAGE_PRESENT && run->start >= mapping->start)
				rss += run->end - run->start;
		}
		mapping->rss = rss;
	}
}
