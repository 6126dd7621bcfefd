/* SPDX-License-Identifier: MIT */
/*
 * Millions of chunks that are in use: what the measurements look at.
 *
 *	chunks COUNT first|last [THREADS [SEED]]
 *
 * THREADS (4) workers, so one arena each besides the main one, fill COUNT chunks of mixed sizes between them: nodes in lists that hang off
 * a global table, each with a second pointer to some earlier node. `first` has the two pointers first in the struct, `last` at
 * the end of it. Every tenth node is leaked. One chunk in sixteen is freed again, here and there, which leaves holes and tcache
 * entries, and a few dozen are large enough to be mmapped. Prints what it holds:
 *
 *	chunks 1000000
 *	usable 123456789	their usable bytes
 *	leaked 100000
 *	ready
 *
 * and waits to be killed. Its own tables are mmapped, so that they are not chunks.
 */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	THREADS_MAX = 64,
	LISTS = 4096,
	/* Each worker's share of chunks beyond the mmap threshold (which this program never moves, since it frees none of these). */
	LARGE = 12,
	LARGE_SIZE = 200 << 10,
	FREED_ONE_IN = 16,
	LEAKED_ONE_IN = 10,
};

struct links {
	void *next, *other;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	size_t count;
	/* What it holds, and in the end the sums. */
	void **nodes;
	uint64_t usable;
	size_t leaked;
};

static void *lists[THREADS_MAX][LISTS];
static struct worker workers[THREADS_MAX];
static bool links_last;
static pthread_barrier_t barrier;

static uint64_t roll(struct worker *worker, uint64_t sides)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random % sides;
}

/* Most are small; the mean is about 170 bytes. */
static size_t roll_size(struct worker *worker)
{
	uint64_t kind = roll(worker, 100);

	if (kind < 60)
		return 24 + roll(worker, 72);
	if (kind < 85)
		return 64 + roll(worker, 192);
	if (kind < 97)
		return 200 + roll(worker, 400);
	return 600 + roll(worker, 1400);
}

static void *obtain(size_t size)
{
	void *node = malloc(size);

	if (!node) {
		fprintf(stderr, "chunks: out of memory\n");
		_exit(1);
	}
	return node;
}

static struct links *links_of(void *node, size_t size)
{
	return links_last ? (struct links *)((char *)node + ((size - sizeof(struct links)) & ~(size_t)7)) : node;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	void **heads = lists[worker - workers];
	size_t n = worker->count;

	// Somewhat more than will stay, so that as many remain when some are freed; those are not in the lists.
	for (size_t i = 0; i < n; i++) {
		size_t size = i < LARGE ? LARGE_SIZE + roll(worker, 4096) : roll_size(worker);
		void *node = obtain(size);
		void *passing = i % FREED_ONE_IN == 0 ? obtain(roll_size(worker)) : NULL;
		struct links *links = links_of(node, size);

		memset(node, (int)(i & 0xff), size);
		links->next = NULL;
		links->other = i ? worker->nodes[roll(worker, i)] : NULL;
		if (i % LEAKED_ONE_IN == LEAKED_ONE_IN - 1) {
			worker->leaked++;
		} else {
			void **head = &heads[roll(worker, LISTS)];

			links->next = *head;
			*head = node;
		}
		worker->nodes[i] = node;
		worker->usable += malloc_usable_size(node);
		if (passing) {
			memset(passing, 0, 16);
			worker->nodes[n + i / FREED_ONE_IN] = passing;
		}
	}
	for (size_t i = 0; i < (n + FREED_ONE_IN - 1) / FREED_ONE_IN; i++)
		free(worker->nodes[n + i]);
	// The table would be roots of everything.
	munmap(worker->nodes, (n + n / FREED_ONE_IN + 1) * sizeof(void *));
	worker->nodes = NULL;
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoull(argv[1], NULL, 0) : 0, threads = argc > 3 ? strtoull(argv[3], NULL, 0) : 4;
	uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : 1, usable = 0, leaked = 0;

	if (!count || !threads || threads > THREADS_MAX || (strcmp(argv[2], "first") != 0 && strcmp(argv[2], "last") != 0)) {
		fprintf(stderr, "usage: chunks COUNT first|last [THREADS [SEED]]\n");
		return 2;
	}
	links_last = strcmp(argv[2], "last") == 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_PTRACER, -1L, 0, 0, 0);
	// Without this the threshold would follow the sizes that are freed.
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
	for (size_t i = 0; i < threads; i++) {
		struct worker *worker = &workers[i];
		size_t size;

		worker->random = (seed * 1000 + i) * UINT64_C(0x9E3779B97F4A7C15) + 1;
		worker->count = count / threads + (i < count % threads);
		size = (worker->count + worker->count / FREED_ONE_IN + 1) * sizeof(void *);
		worker->nodes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (worker->nodes == MAP_FAILED || pthread_create(&worker->thread, NULL, work, worker)) {
			fprintf(stderr, "chunks: out of memory\n");
			return 1;
		}
	}
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < threads; i++) {
		usable += workers[i].usable;
		leaked += workers[i].leaked;
	}

	// Not through stdio: its buffer would be a chunk more.
	char text[128];
	int length = snprintf(text, sizeof(text), "chunks %zu\nusable %" PRIu64 "\nleaked %" PRIu64 "\nready\n", count, usable, leaked);

	if (write(STDOUT_FILENO, text, (size_t)length) != length)
		return 1;
	for (;;)
		pause();
}
