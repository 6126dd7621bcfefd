/* SPDX-License-Identifier: MIT */
#include "base/column.h"

#include <sys/mman.h>

#include "base/alloc.h"

enum { HUGE_PAGE = 2 * 1024 * 1024 };

static void *map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void *column_grow(void *old, size_t old_size, size_t new_size)
{
	void *column = old ? mremap(old, old_size, new_size, MREMAP_MAYMOVE) : map(new_size);

	if (column == MAP_FAILED)
		out_of_memory();
	// A hint: where it is refused, small pages do as well. A small column would only waste most of its huge page.
	if (new_size >= 2 * HUGE_PAGE)
		(void)!madvise(column, new_size, MADV_HUGEPAGE);
	return column;
}

void *column_sparse(size_t size)
{
	void *column = map(size);

	if (column == MAP_FAILED)
		out_of_memory();
	(void)!madvise(column, size, MADV_NOHUGEPAGE);
	return column;
}

void column_forget(void *column, size_t size)
{
	if (column)
		(void)!madvise(column, size / HUGE_PAGE * HUGE_PAGE, MADV_DONTNEED);
}

void column_free(void *column, size_t size)
{
	if (column)
		munmap(column, size);
}
