/* SPDX-License-Identifier: MIT */
/*
 * Work is cut into pieces: as many parts as fit into COPY_PART_MAX bytes and one system call. Each thread takes the next piece
 * from a counter until none is left; the calling thread works too, so that one thread means no other.
 */
#include "target/copy.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/urgency.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif

enum {
	/** Parts in one process_vm_readv(); IOV_MAX is 1024. */
	PIECE_PARTS = 256,
	COPIER_THREADS_MAX = 16,
	/** A copy of no more pieces than this (some tens of ms) comes before everything else on the machine. */
	URGENT_PIECES = 32,
};

/* Parts that are all alike in `absent`. */
struct piece {
	size_t first, n;
};

struct copier {
	pthread_t threads[COPIER_THREADS_MAX];
	unsigned n_threads;
	pthread_mutex_t lock;
	pthread_cond_t start, done;
	/* Under the lock: which job it is, how many threads still work on it, whether to end. */
	unsigned job, working;
	bool ending;

	/* The job; constant while it runs. */
	const copy_part_array *parts;
	ARRAY(struct piece) pieces;
	bool prefault, urgent;
	pid_t tid;
	uint32_t page_size;
	int memory, spool;
	const volatile sig_atomic_t *interrupted;

	atomic_size_t next;
	atomic_bool failed;
	/* Under the lock. */
	int errnum;
	const char *what;
	copy_hole_array holes;
};

static void fail(struct copier *copier, int errnum, const char *what)
{
	pthread_mutex_lock(&copier->lock);
	if (!copier->what) {
		copier->errnum = errnum;
		copier->what = what;
	}
	pthread_mutex_unlock(&copier->lock);
	atomic_store(&copier->failed, true);
}

static void prefault(const struct copier *copier, struct piece piece)
{
	for (size_t i = piece.first; i < piece.first + piece.n; i++) {
		const struct copy_part *part = &copier->parts->v[i];

		if (madvise(part->to, part->size, MADV_POPULATE_WRITE) == 0 || errno != EINVAL)
			continue;
		for (uint64_t at = 0; at < part->size; at += copier->page_size)
			*(volatile uint8_t *)(part->to + at) = 0;
	}
}

/* Reads from several places at once; those of a piece, or some of them. As process_vm_readv(). */
static ssize_t read_places(const struct copier *copier, bool absent, const struct iovec *local,
			   const struct iovec *remote, size_t n)
{
	if (!absent)
		return process_vm_readv(copier->tid, local, n, remote, n, 0);

	ssize_t got = pread(copier->memory, local[0].iov_base, local[0].iov_len,
			    (off_t)(uintptr_t)remote[0].iov_base);

	// A page that cannot be read is EIO here. Nothing at all is there once the process has ended.
	if (got < 0 && errno == EIO)
		errno = EFAULT;
	if (got == 0)
		errno = ESRCH;
	return got ? got : -1;
}

/* Copies one piece to where `to` says for each part. */
static void read_piece(struct copier *copier, struct piece piece, uint8_t *const *to)
{
	const struct copy_part *parts = copier->parts->v + piece.first;
	struct iovec local[PIECE_PARTS], remote[PIECE_PARTS];
	size_t at = 0;
	uint64_t done = 0; // bytes of part `at` that were dealt with

	while (at < piece.n) {
		size_t n = 0;
		uint64_t wanted = 0;

		for (size_t i = at; i < piece.n && (!n || !parts[at].absent); i++, n++) {
			uint64_t skip = i == at ? done : 0;

			remote[n].iov_base = (void *)(uintptr_t)(parts[i].start + skip);
			local[n].iov_base = to[i] + skip;
			remote[n].iov_len = local[n].iov_len = parts[i].size - skip;
			wanted += remote[n].iov_len;
		}

		ssize_t got = read_places(copier, parts[at].absent, local, remote, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EFAULT) {
			fail(copier, errno, "its memory cannot be read");
			return;
		}

		uint64_t advance = got < 0 ? 0 : (uint64_t)got;
		bool hole = advance < wanted;

		while (at < piece.n && advance >= parts[at].size - done) {
			advance -= parts[at].size - done;
			done = 0;
			at++;
		}
		done += advance;
		if (!hole || at == piece.n)
			continue;

		// The page at this place cannot be read; what lies behind it can be.
		uint64_t start = done - done % copier->page_size, end = start + copier->page_size;

		pthread_mutex_lock(&copier->lock);
		array_append(&copier->holes,
			     (struct copy_hole){ parts[at].start + start, parts[at].start + end });
		pthread_mutex_unlock(&copier->lock);
		memset(to[at] + start, 0, copier->page_size);
		done = end;
		if (done >= parts[at].size) {
			done = 0;
			at++;
		}
	}
}

static bool write_all(int fd, const uint8_t *bytes, uint64_t size, uint64_t offset)
{
	while (size) {
		ssize_t got = pwrite(fd, bytes, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		bytes += got;
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	return true;
}

static void spool_piece(struct copier *copier, struct piece piece, uint8_t *bounce)
{
	uint8_t *to[PIECE_PARTS] = { 0 };
	uint64_t used = 0;

	for (size_t i = 0; i < piece.n; i++) {
		to[i] = bounce + used;
		used += copier->parts->v[piece.first + i].size;
	}
	read_piece(copier, piece, to);
	for (size_t i = 0; i < piece.n && !atomic_load(&copier->failed); i++) {
		const struct copy_part *part = &copier->parts->v[piece.first + i];

		if (!write_all(copier->spool, to[i], part->size, part->spool_offset))
			fail(copier, errno, "the spool file cannot be written");
	}
}

static void memory_piece(struct copier *copier, struct piece piece)
{
	uint8_t *to[PIECE_PARTS] = { 0 };

	for (size_t i = 0; i < piece.n; i++)
		to[i] = copier->parts->v[piece.first + i].to;
	read_piece(copier, piece, to);
}

static void work(struct copier *copier)
{
	_cleanup_free_ uint8_t *bounce = NULL;

	if (copier->urgent && copier->pieces.n <= URGENT_PIECES)
		urgency_trace();
	else if (copier->urgent)
		urgency_copy();
	for (;;) {
		size_t next = atomic_fetch_add(&copier->next, 1);

		if (next >= copier->pieces.n || atomic_load(&copier->failed))
			return;
		if (copier->interrupted && *copier->interrupted) {
			fail(copier, EINTR, "the copy was interrupted");
			return;
		}
		if (copier->prefault) {
			prefault(copier, copier->pieces.v[next]);
		} else if (copier->spool >= 0) {
			if (!bounce)
				bounce = xmalloc(COPY_PART_MAX);
			spool_piece(copier, copier->pieces.v[next], bounce);
		} else {
			memory_piece(copier, copier->pieces.v[next]);
		}
	}
}

static void *thread_main(void *argument)
{
	struct copier *copier = argument;
	unsigned seen = 0;

	pthread_mutex_lock(&copier->lock);
	for (;;) {
		while (copier->job == seen && !copier->ending)
			pthread_cond_wait(&copier->start, &copier->lock);
		if (copier->ending)
			break;
		seen = copier->job;
		pthread_mutex_unlock(&copier->lock);
		work(copier);
		pthread_mutex_lock(&copier->lock);
		if (--copier->working == 0)
			pthread_cond_signal(&copier->done);
	}
	pthread_mutex_unlock(&copier->lock);
	return NULL;
}

struct copier *copier_create(unsigned threads)
{
	struct copier *copier = xcalloc(1, sizeof(*copier));

	pthread_mutex_init(&copier->lock, NULL);
	pthread_cond_init(&copier->start, NULL);
	pthread_cond_init(&copier->done, NULL);
	for (unsigned i = 1; i < threads && i < COPIER_THREADS_MAX; i++) {
		if (pthread_create(&copier->threads[copier->n_threads], NULL, thread_main,
				   copier) != 0)
			break;
		copier->n_threads++;
	}
	return copier;
}

void copier_destroy(struct copier *copier)
{
	if (!copier)
		return;
	pthread_mutex_lock(&copier->lock);
	copier->ending = true;
	pthread_cond_broadcast(&copier->start);
	pthread_mutex_unlock(&copier->lock);
	for (unsigned i = 0; i < copier->n_threads; i++)
		pthread_join(copier->threads[i], NULL);
	pthread_cond_destroy(&copier->done);
	pthread_cond_destroy(&copier->start);
	pthread_mutex_destroy(&copier->lock);
	array_deinit(&copier->pieces);
	array_deinit(&copier->holes);
	free(copier);
}

static void run(struct copier *copier, const copy_part_array *parts)
{
	copier->parts = parts;
	copier->pieces.n = 0;
	for (size_t first = 0, n; first < parts->n; first += n) {
		uint64_t size = 0;

		for (n = 0; first + n < parts->n && n < PIECE_PARTS; n++) {
			if (n && (size + parts->v[first + n].size > COPY_PART_MAX ||
				  parts->v[first + n].absent != parts->v[first].absent))
				break;
			size += parts->v[first + n].size;
		}
		array_append(&copier->pieces, (struct piece){ first, n });
	}
	atomic_store(&copier->next, 0);
	atomic_store(&copier->failed, false);
	copier->what = NULL;
	copier->errnum = 0;
	copier->holes.n = 0;

	// One piece is not worth waking anybody.
	bool together = copier->n_threads && copier->pieces.n > 1;

	if (together) {
		pthread_mutex_lock(&copier->lock);
		copier->job++;
		copier->working = copier->n_threads;
		pthread_cond_broadcast(&copier->start);
		pthread_mutex_unlock(&copier->lock);
	}
	work(copier);
	if (together) {
		pthread_mutex_lock(&copier->lock);
		while (copier->working)
			pthread_cond_wait(&copier->done, &copier->lock);
		pthread_mutex_unlock(&copier->lock);
	}
}

void copier_prefault(struct copier *copier, const copy_part_array *parts)
{
	// It comes before the stop, and is in nobody's way.
	copier->prefault = true;
	copier->urgent = false;
	copier->interrupted = NULL;
	copier->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	run(copier, parts);
}

static int compare_holes(const void *left, const void *right)
{
	const struct copy_hole *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

struct error *copier_copy(struct copier *copier, pid_t tid, int memory, const copy_part_array *parts,
			  uint32_t page_size, int spool, bool urgent,
			  const volatile sig_atomic_t *interrupted, copy_hole_array *holes_ret)
{
	copier->prefault = false;
	copier->urgent = urgent;
	copier->tid = tid;
	copier->memory = memory;
	copier->page_size = page_size;
	copier->spool = spool;
	copier->interrupted = interrupted;
	run(copier, parts);
	if (copier->what)
		return error_os(copier->errnum, "%s", copier->what);
	if (copier->holes.n > 1)
		qsort(copier->holes.v, copier->holes.n, sizeof(*copier->holes.v), compare_holes);
	holes_ret->v = copier->holes.v;
	holes_ret->n = copier->holes.n;
	holes_ret->capacity = copier->holes.capacity;
	copier->holes.v = NULL;
	copier->holes.n = copier->holes.capacity = 0;
	return NULL;
}
