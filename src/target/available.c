/* SPDX-License-Identifier: MIT */
#include "target/available.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum {
	// linux/magic.h, whose names are not on every system
	MAGIC_TMPFS = 0x01021994,
};

static const uint32_t MAGIC_RAMFS = 0x858458f6;

static uint64_t subtract(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* A file that holds one number; «max» or no such file is UINT64_MAX. */
static uint64_t read_number(const char *directory, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", directory, name);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	uint64_t number;

	return file && fscanf(file, "%" SCNu64, &number) == 1 ? number : UINT64_MAX;
}

/* The number behind a word at the start of a line; 0 when it is not there. */
static uint64_t read_keyed(const char *path, const char *word)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[256];
	size_t length = strlen(word);

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, word, length) == 0)
			return strtoull(line + length, NULL, 10);
	return 0;
}

/* What a control group may still take: its limit less what it uses and could not drop. */
static uint64_t group_left(const char *directory, const char *limit_name, const char *usage_name,
			   const char *cache_word)
{
	uint64_t limit = read_number(directory, limit_name),
		 usage = read_number(directory, usage_name);

	if (limit == UINT64_MAX || usage == UINT64_MAX)
		return UINT64_MAX;

	_cleanup_free_ char *statistics = xasprintf("%s/memory.stat", directory);

	return subtract(limit, subtract(usage, read_keyed(statistics, cache_word)));
}

/* The least that a group of ours or one above it has left. */
static uint64_t groups_left(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t least = UINT64_MAX;
	char line[4096];

	while (file && fgets(line, sizeof(line), file)) {
		// «0::/user.slice/…» is version 2, «9:memory:/…» version 1.
		line[strcspn(line, "\n")] = '\0';

		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;

		bool version2 = !*controllers;

		if (!version2 && strcmp(controllers, "memory") != 0)
			continue;
		for (;;) {
			_cleanup_free_ char *directory = xasprintf(
				"/sys/fs/cgroup%s%s", version2 ? "" : "/memory",
				strcmp(path, "/") == 0 ? "" : path);
			uint64_t left = version2 ? group_left(directory, "memory.max",
							      "memory.current", "inactive_file ")
						 : group_left(directory, "memory.limit_in_bytes",
							      "memory.usage_in_bytes",
							      "total_inactive_file ");

			if (left < least)
				least = left;

			char *slash = strrchr(path, '/');

			if (!slash || !path[1])
				break;
			slash[slash == path ? 1 : 0] = '\0';
		}
	}
	return least;
}

uint64_t available_memory(void)
{
	uint64_t kib = read_keyed("/proc/meminfo", "MemAvailable:");
	uint64_t memory = kib ? kib * 1024 : UINT64_MAX, groups = groups_left();

	return groups < memory ? groups : memory;
}

bool available_room(const char *directory, uint64_t *ret, bool *memory_ret)
{
	struct statfs status;

	if (statfs(directory, &status) < 0)
		return false;
	*ret = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
	*memory_ret = (uint32_t)status.f_type == MAGIC_TMPFS ||
		      (uint32_t)status.f_type == MAGIC_RAMFS;
	return true;
}
