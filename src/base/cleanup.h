/* SPDX-License-Identifier: MIT */
/*
 * Cleanup by attribute: what a scope owns is released on every way out of it, so no function needs a ladder of
 * labels. A module's own `_cleanup_…_` stands beside its type; only those for libc's things are here.
 */
#ifndef HEAPSNAP_BASE_CLEANUP_H
#define HEAPSNAP_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}
#define _cleanup_free_ _cleanup_(cleanup_free)

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_close_ _cleanup_(cleanup_close)

static inline void cleanup_fclose(FILE **stream)
{
	if (*stream)
		fclose(*stream);
}
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

/** Gives what a cleanup variable holds to the caller and leaves NULL behind, so that it is not released. */
#define take_pointer(variable)                   \
	({                                       \
		__typeof__(variable) *p_ = &(variable); \
		__typeof__(variable) v_ = *p_;   \
		*p_ = NULL;                      \
		v_;                              \
	})

/** The same for a file descriptor; leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
