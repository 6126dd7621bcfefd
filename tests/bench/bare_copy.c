/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: what copying the same bytes costs, and nothing else.
 *
 *	bare_copy PID		prints: BYTES COPY_MS CPU_S
 *
 * All resident pages of private writable mappings, by process_vm_readv(2) in one thread, into a buffer that is faulted in beforehand. COPY_MS
 * is the wall time of the calls alone; CPU_S is what the whole program used, faulting in included. The process is not stopped:
 * it is the measurement's own, and idle.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct piece {
	uint64_t start, size;
};

static struct piece *pieces;
static size_t n_pieces, capacity;

static void piece_add(uint64_t start, uint64_t size)
{
	if (n_pieces && pieces[n_pieces - 1].start + pieces[n_pieces - 1].size == start) {
		pieces[n_pieces - 1].size += size;
		return;
	}
	if (n_pieces == capacity) {
		capacity = capacity ? capacity * 2 : 1024;
		pieces = realloc(pieces, capacity * sizeof(*pieces));
		if (!pieces)
			exit(1);
	}
	pieces[n_pieces++] = (struct piece){ start, size };
}

/* The pages of a mapping that are present or swapped. */
static void mapping_add(int pagemap, uint64_t start, uint64_t end, uint64_t page)
{
	static uint64_t entries[8192];

	while (start < end) {
		size_t n = (end - start) / page < 8192 ? (end - start) / page : 8192;

		if (pread(pagemap, entries, n * 8, (off_t)(start / page * 8)) != (ssize_t)(n * 8)) {
			piece_add(start, end - start);
			return;
		}
		for (size_t i = 0; i < n; i++)
			if (entries[i] >> 62)
				piece_add(start + i * page, page);
		start += n * page;
	}
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? (pid_t)atoi(argv[1]) : 0;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), total = 0, start, end, failed = 0;
	char path[64], line[PATH_MAX + 128], prot[8];

	if (pid <= 0)
		return 2;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);

	int pagemap = open(path, O_RDONLY);

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);

	FILE *maps = fopen(path, "r");

	if (!maps) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, prot) == 3 && strcmp(prot, "rw-p") == 0)
			mapping_add(pagemap, start, end, page);
	fclose(maps);
	for (size_t i = 0; i < n_pieces; i++)
		total += pieces[i].size;

	char *buffer = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	madvise(buffer, total, MADV_HUGEPAGE);
	memset(buffer, 1, total);

	char *to = buffer;
	double before = seconds(CLOCK_MONOTONIC);

	for (size_t i = 0; i < n_pieces;) {
		struct iovec remote[IOV_MAX], local = { to, 0 };
		size_t n = 0;

		for (; i < n_pieces && n < IOV_MAX && local.iov_len < 1 << 30; n++) {
			uint64_t size = pieces[i].size < 1 << 26 ? pieces[i].size : 1 << 26;

			remote[n] = (struct iovec){ (void *)(uintptr_t)pieces[i].start, size };
			local.iov_len += size;
			pieces[i].start += size;
			pieces[i].size -= size;
			if (!pieces[i].size)
				i++;
		}
		if (process_vm_readv(pid, &local, 1, remote, n, 0) != (ssize_t)local.iov_len)
			failed++;
		to += local.iov_len;
	}

	double copy = seconds(CLOCK_MONOTONIC) - before;

	if (failed)
		fprintf(stderr, "bare_copy: %" PRIu64 " calls were cut short\n", failed);
	printf("%" PRIu64 " %.3f %.3f\n", total, copy * 1e3, seconds(CLOCK_PROCESS_CPUTIME_ID));
	return failed != 0;
}
