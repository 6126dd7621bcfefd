/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds of fuzz_cache: what the cache would keep of corpus/types/dwarf5_clang. In tests/fuzz.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../bench/file_target.h"
#include "code/facts.h"
#include "debug/cache.h"
#include "debug/modules.h"
#include "types/type_cache.h"
#include "types/type_table.h"

static void entry_write(struct cache_entry *entry, const char *path)
{
	size_t size;
	uint8_t *bytes = cache_store_bytes("seed", entry, &size);
	FILE *file = fopen(path, "we");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		perror(path);
	free(bytes);
	cache_entry_deinit(entry);
}

int main(void)
{
	const struct debug_options options = { .debug_path = "" };
	struct target *target = target_create(TARGET_CORE);
	struct cache_entry entry = { .bytes = NULL };
	struct type_table table;
	struct code_facts facts;
	struct modules modules;
	bool *described;

	target->page_size = 4096;
	if (!target_add(target, "corpus/types/dwarf5_clang", 0x10000000)) {
		fprintf(stderr, "cache_seeds: there is no corpus/types/dwarf5_clang here\n");
		return 1;
	}
	modules_init(&modules, target, &options);
	mkdir("corpus/cache", 0755);
	type_table_init(&table);
	described = type_table_read_all(&table, &modules);
	type_table_keep(&table, described, modules.v.n, &entry);
	entry_write(&entry, "corpus/cache/types");
	code_facts_read(&modules, &facts);
	code_facts_keep(&facts, &entry);
	entry_write(&entry, "corpus/cache/code");
	free(described);
	code_facts_deinit(&facts);
	type_table_deinit(&table);
	modules_deinit(&modules);
	target_destroy(target);
	return 0;
}
