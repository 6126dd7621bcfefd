/* SPDX-License-Identifier: MIT */
#include "snapshot/snapshot.h"

#include <assert.h>
#include <stdlib.h>

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){ .trimmable_resident = UINT64_MAX };
	heap_init(&snapshot->heap);
	python_init(&snapshot->python);
}

void snapshot_deinit(struct snapshot *snapshot)
{
	free(snapshot->name);
	free(snapshot->exe);
	free(snapshot->command);
	free(snapshot->core);
	free(snapshot->boot_id);
	for (size_t i = 0; i < snapshot->modules.n; i++) {
		struct snapshot_module *module = &snapshot->modules.v[i];

		free(module->path);
		free(module->build_id);
		free(module->why_absent);
		free(module->debug);
	}
	array_deinit(&snapshot->modules);
	array_deinit(&snapshot->threads);
	free(snapshot->foreign_allocator);
	free(snapshot->allocator_evidence);
	free(snapshot->runtime);
	for (size_t i = 0; i < snapshot->notices.n; i++)
		free(snapshot->notices.v[i]);
	array_deinit(&snapshot->notices);
	heap_deinit(&snapshot->heap);
	python_deinit(&snapshot->python);
	graph_deinit(&snapshot->graph);
	types_deinit(&snapshot->types);
	array_deinit(&snapshot->contents);
	array_deinit(&snapshot->content_bytes);
	for (size_t i = 0; i < snapshot->symbols.n; i++) {
		free(snapshot->symbols.v[i].name);
		free(snapshot->symbols.v[i].module);
	}
	array_deinit(&snapshot->symbols);
	*snapshot = (struct snapshot){ 0 };
}

const char *memory_kind_name(enum memory_kind kind)
{
	static const char *const names[MEMORY_KINDS] = {
		[MEMORY_HEAP] = "heap",	    [MEMORY_ANONYMOUS] = "anonymous",
		[MEMORY_STACK] = "stack",   [MEMORY_FILE] = "file",
		[MEMORY_SHARED] = "shared", [MEMORY_KERNEL] = "kernel",
	};

	assert((unsigned)kind < MEMORY_KINDS);
	return names[kind];
}

struct snapshot_memory snapshot_memory_total(const struct snapshot *snapshot)
{
	struct snapshot_memory total = { 0 };

	for (size_t i = 0; i < MEMORY_KINDS; i++) {
		const struct snapshot_memory *memory = &snapshot->memory[i];

		total.mapped += memory->mapped;
		total.n_mappings += memory->n_mappings;
		if (memory->rss == UINT64_MAX || total.rss == UINT64_MAX)
			total.rss = UINT64_MAX;
		else
			total.rss += memory->rss;
	}
	return total;
}

const uint8_t *snapshot_contents(const struct snapshot *snapshot, chunk_id chunk, size_t *length_ret)
{
	size_t low = 0, high = snapshot->contents.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot->contents.v[middle].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == snapshot->contents.n || snapshot->contents.v[low].chunk != chunk)
		return NULL;
	*length_ret = snapshot->contents.v[low].length;
	return snapshot->content_bytes.v + snapshot->contents.v[low].at;
}

const struct snapshot_symbol *snapshot_symbol_at(const struct snapshot *snapshot, vaddr address)
{
	size_t low = 0, high = snapshot->symbols.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot->symbols.v[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < snapshot->symbols.n && snapshot->symbols.v[low].address == address ? &snapshot->symbols.v[low] : NULL;
}

const char *snapshot_thread_name(const struct snapshot *snapshot, pid_t tid)
{
	for (size_t i = 0; i < snapshot->threads.n; i++)
		if (snapshot->threads.v[i].tid == tid)
			return snapshot->threads.v[i].name[0] ? snapshot->threads.v[i].name : NULL;
	return NULL;
}
