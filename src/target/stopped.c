/* SPDX-License-Identifier: MIT */
#include "target/stopped.h"

#include <unistd.h>

#include "target/stopped_process.h"

size_t stopped_threads(const struct stopped *stopped)
{
	return stopped->tracees->list.n;
}

const struct thread *stopped_thread(const struct stopped *stopped, size_t index)
{
	return &stopped->tracees->list.v[index].thread;
}

const mapping_array *stopped_mappings(const struct stopped *stopped)
{
	return stopped->mappings;
}

bool stopped_get(struct stopped *stopped, vaddr address, void *buffer, size_t size)
{
	return address <= INT64_MAX &&
	       pread(stopped->memory, buffer, size, (off_t)address) == (ssize_t)size;
}

bool stopped_run(struct stopped *stopped, size_t index, unsigned microseconds)
{
	return tracees_run(stopped->tracees, index, microseconds);
}

uint64_t stopped_elapsed(const struct stopped *stopped)
{
	return tracees_clock() - stopped->tracees->started;
}
