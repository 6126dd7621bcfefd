/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a process exist: present, swapped out, or never touched.
 *
 * A page that was read and never written counts as never touched (the kernel shows the same page of zeros for all of them) where the kernel
 * tells; before 6.7 it does not.
 *
 * Linux since 6.7 answers for the whole address space at once and skips what is empty (PAGEMAP_SCAN), so that terabytes of reserve cost
 * nothing. Before that, /proc/PID/pagemap is read, eight bytes for each page whether it exists or not (0.7 ms for each GiB of reserve), so
 * that the caller says how much of it may be asked about.
 */
#ifndef HEAPSNAP_TARGET_PAGES_H
#define HEAPSNAP_TARGET_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"
#include "target/maps.h"

enum page_kind {
	/** In memory. */
	PAGE_PRESENT = 1,
	/** Swapped out, or marked: a guard inside a mapping looks like this. */
	PAGE_SWAPPED = 2,
	/** In memory, and it is the page of a file, not a private copy of it. Known of private read-only file mappings. */
	PAGE_OF_FILE = 4,
	/** Nobody asked: that would have been more than was allowed. */
	PAGE_UNKNOWN = 8,
};

/** Successive pages of one kind, half-open. */
struct page_run {
	vaddr start, end;
	/** Bits of enum page_kind. */
	unsigned kind;
};

typedef ARRAY(struct page_run) page_run_array;

/** Appends the runs of pages that exist in the mappings, ascending; no run crosses a mapping's end. Reads from an open /proc/PID/pagemap. `slow`
    keeps to what kernels before 6.7 can do; there slow_max bytes of address space are asked about, and a mapping for which that does not
    suffice is one run of PAGE_UNKNOWN. Errors: ERROR_OS, nothing
    appended. Cost: some 5 ns for each page that exists. */
struct error *pages_scan(int pagemap, const mapping_array *mappings, uint32_t page_size, bool slow,
			 uint64_t slow_max, page_run_array *ret) _must_check_;

/** Sets `rss` of each mapping from the runs, in bytes. */
void pages_count(const page_run_array *runs, mapping_array *mappings);

#endif
