/* SPDX-License-Identifier: MIT */
#include "target/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	/** A process may have some 65000 mappings, and each group is one of ours. */
	GROUPS_MAX = 20000,
};

/* Parts nearer than this share a group at first; what lies between stays a hole in the file. */
static const uint64_t GAP_MIN = 64 * 1024;

struct error *spool_open(const char *directory, int *ret)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	// Not every file system has files without a name.
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		_cleanup_free_ char *path = xasprintf("%s/heapsnap.XXXXXX", directory);

		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return error_os(errno, "no spool file can be made in %s", directory);
	*ret = fd;
	return NULL;
}

static void place(copy_part_array *parts, uint64_t gap, spool_group_array *groups)
{
	uint64_t offset = 0;

	groups->n = 0;
	for (size_t i = 0; i < parts->n; i++) {
		struct copy_part *part = &parts->v[i];
		struct spool_group *last = groups->n ? &groups->v[groups->n - 1] : NULL;

		// One group is one mapping, so it must be one stretch here, too.
		if (!last || part->start - last->end > gap ||
		    (uint64_t)(part->to - parts->v[i - 1].to) !=
			    part->start - parts->v[i - 1].start) {
			offset = last ? last->offset + (last->end - last->start) : 0;
			array_append(groups,
				     (struct spool_group){ part->start, part->start, offset });
			last = &groups->v[groups->n - 1];
		}
		part->spool_offset = last->offset + (part->start - last->start);
		last->end = part->start + part->size;
	}
}

void spool_place(copy_part_array *parts, spool_group_array *ret)
{
	for (uint64_t gap = GAP_MIN; gap; gap *= 4) {
		place(parts, gap, ret);
		if (ret->n <= GROUPS_MAX)
			break;
	}
}

struct error *spool_map(int fd, const spool_group_array *groups, const struct store *store)
{
	const struct spool_group *last = groups->n ? &groups->v[groups->n - 1] : NULL;

	// A hole at the end is part of the file, too.
	if (last && ftruncate(fd, (off_t)(last->offset + (last->end - last->start))) < 0)
		return error_os(errno, "the spool file cannot be made as long as the copy");
	for (size_t i = 0; i < groups->n; i++) {
		const struct spool_group *group = &groups->v[i];
		const struct store_span *span = store_find(store, group->start);
		void *at = span->bytes + (group->start - span->start);

		if (mmap(at, group->end - group->start, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			 (off_t)group->offset) == MAP_FAILED)
			return error_os(errno, "the spool file cannot be mapped");
		(void)madvise(at, group->end - group->start, MADV_DONTDUMP);
	}
	return NULL;
}
