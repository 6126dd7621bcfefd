/* SPDX-License-Identifier: MIT */
#include "snapshot/diff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void diff_init(struct diff *diff)
{
	*diff = (struct diff){ 0 };
	census_init(&diff->census);
}

void diff_side_deinit(struct diff_side *side)
{
	free(side->label);
	free(side->name);
	free(side->exe);
	free(side->boot_id);
	free(side->foreign_allocator);
	for (size_t i = 0; i < side->modules.n; i++) {
		free(side->modules.v[i].path);
		free(side->modules.v[i].build_id);
	}
	array_deinit(&side->modules);
}

void diff_deinit(struct diff *diff)
{
	for (size_t i = 0; i < diff->sides.n; i++)
		diff_side_deinit(&diff->sides.v[i]);
	array_deinit(&diff->sides);
	free(diff->reason);
	census_deinit(&diff->census);
	if (diff->has_surviving) {
		sizes_deinit(&diff->surviving);
		sizes_deinit(&diff->surviving_labels);
	}
	*diff = (struct diff){ 0 };
}

const char *diff_relation_name(enum diff_relation relation)
{
	static const char *const names[DIFF_RELATIONS] = {
		[DIFF_SAME_RUN] = "same-run",		[DIFF_SAME_ADDRESSES] = "same-addresses",
		[DIFF_OTHER_RUN] = "other-run",		[DIFF_OTHER_BUILD] = "other-build",
		[DIFF_OTHER_PROGRAM] = "other-program",
	};

	assert((unsigned)relation < DIFF_RELATIONS);
	return names[relation];
}

/* ---- what two have to do with each other ---- */

static const struct diff_module *module_at_path(const struct diff_side *side, const char *path)
{
	for (size_t i = 0; path && i < side->modules.n; i++)
		if (side->modules.v[i].path && !strcmp(side->modules.v[i].path, path))
			return &side->modules.v[i];
	return NULL;
}

static const char *file_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static bool is_same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Whether the program is the same: by build ID where both are known, else by name. */
static enum diff_relation compare_programs(const struct diff_side *a, const struct diff_side *b,
					   const char **reason)
{
	const struct diff_module *exe_a = module_at_path(a, a->exe),
				 *exe_b = module_at_path(b, b->exe);
	const char *id_a = exe_a ? exe_a->build_id : NULL, *id_b = exe_b ? exe_b->build_id : NULL;
	// The name of a thread may change; that of the file does not.
	bool has_names = a->exe && b->exe;
	bool same_name = has_names ? is_same(file_name(a->exe), file_name(b->exe))
				   : is_same(a->name, b->name);

	if (id_a && id_b && !strcmp(id_a, id_b)) {
		*reason = NULL;
		return DIFF_SAME_RUN;
	}
	if (!same_name) {
		*reason = id_a && id_b ? "their executables have other names and other build IDs"
				       : "their executables have other names";
		return DIFF_OTHER_PROGRAM;
	}
	if (id_a && id_b) {
		*reason = "their executables have the same name but other build IDs";
		return DIFF_OTHER_BUILD;
	}
	*reason = NULL;
	return DIFF_SAME_RUN;
}

static bool has_module_at(const struct diff_side *side, const char *path, vaddr start)
{
	for (size_t i = 0; i < side->modules.n; i++)
		if (side->modules.v[i].start == start && is_same(side->modules.v[i].path, path))
			return true;
	return false;
}

/*
 * Whether the modules lie where they lay: address space is laid out anew for each run. A plugin may have been loaded again, and an executable that is not
 * position-independent lies in its place in every run, so what most of them do counts.
 */
static bool same_addresses(const struct diff_side *a, const struct diff_side *b)
{
	size_t same = 0, other = 0;

	for (size_t i = 0; i < a->modules.n; i++) {
		const struct diff_module *module = &a->modules.v[i];

		if (!module_at_path(b, module->path))
			continue;
		if (has_module_at(b, module->path, module->start))
			same++;
		else
			other++;
	}
	return same > other;
}

enum diff_relation diff_compare(const struct diff_side *a, const struct diff_side *b,
				const char **reason)
{
	enum diff_relation relation = compare_programs(a, b, reason);

	if (relation != DIFF_SAME_RUN)
		return relation;
	if (a->start_ticks && b->start_ticks && a->boot_id && b->boot_id) {
		bool same_start = a->pid == b->pid && a->start_ticks == b->start_ticks &&
				  !strcmp(a->boot_id, b->boot_id);

		if (!same_start)
			*reason = "they began at other times";
		else if (!same_addresses(a, b))
			*reason = "the process started a program anew";
		else
			*reason = "pid and start time are the same";
		return same_start && same_addresses(a, b) ? DIFF_SAME_RUN : DIFF_OTHER_RUN;
	}
	if (a->pid && b->pid && a->pid != b->pid) {
		*reason = "they have other pids";
		return DIFF_OTHER_RUN;
	}
	if (!same_addresses(a, b)) {
		*reason = "their modules lie at other addresses";
		return DIFF_OTHER_RUN;
	}
	*reason = a->pid && b->pid
			  ? "pid and addresses are the same; a core does not say when the process "
			    "began"
			  : "addresses are the same; a core does not say when the process began";
	return DIFF_SAME_ADDRESSES;
}

/* ---- adding ---- */

static char *copy_or_null(const char *string)
{
	return string ? xstrdup(string) : NULL;
}

void diff_side_init(struct diff_side *side, const char *label, const struct snapshot *snapshot)
{
	*side = (struct diff_side){
		.label = xstrdup(label),
		.name = copy_or_null(snapshot->name),
		.exe = copy_or_null(snapshot->exe),
		.boot_id = copy_or_null(snapshot->boot_id),
		.foreign_allocator = copy_or_null(snapshot->foreign_allocator),
		.kind = snapshot->kind,
		.pid = snapshot->pid,
		.time = snapshot->time,
		.start_ticks = snapshot->start_ticks,
		.exact = heap_is_exact(&snapshot->heap),
		.totals = snapshot->heap.totals,
		.system_bytes = snapshot->heap.system_bytes,
		.resident = snapshot_memory_total(snapshot).rss,
		.leaked_count = UINT64_MAX,
		.leaked_bytes = UINT64_MAX,
	};

	if (snapshot->graph.is_built) {
		const struct reach *reach = &snapshot->graph.reach;

		side->leaked_count = reach->count[REACH_DIRECT] + reach->count[REACH_INDIRECT];
		side->leaked_bytes = reach->bytes[REACH_DIRECT] + reach->bytes[REACH_INDIRECT];
	}
	for (size_t i = 0; i < snapshot->modules.n; i++) {
		const struct snapshot_module *module = &snapshot->modules.v[i];

		array_append(&side->modules,
			     (struct diff_module){ copy_or_null(module->path),
						   copy_or_null(module->build_id), module->start });
	}
}

void diff_add(struct diff *diff, const char *label, const struct snapshot *snapshot)
{
	diff_side_init(array_push(&diff->sides), label, snapshot);
	census_add(&diff->census, snapshot);
	if (diff->sides.n == 1)
		return;

	const char *reason;
	enum diff_relation relation = diff_compare(&diff->sides.v[0],
						   &diff->sides.v[diff->sides.n - 1], &reason);

	if (diff->reason && relation <= diff->relation)
		return;
	diff->relation = relation;
	free(diff->reason);
	diff->reason = xstrdup(reason);
}

static void value_add(struct series_value *value, uint64_t bytes)
{
	value->count++;
	value->bytes += bytes;
}

void diff_survivors(struct diff *diff, const struct snapshot *first, const struct snapshot *last)
{
	const struct chunks *old = &first->heap.chunks, *now = &last->heap.chunks;
	_cleanup_free_ uint32_t *old_labels = NULL, *new_labels = NULL;
	size_t i = 0;

	if (!diff_is_one_run(diff) || diff->has_surviving)
		return;
	if (diff->census.has_labels) {
		old_labels = census_label_numbers(&diff->census, &first->types);
		new_labels = census_label_numbers(&diff->census, &last->types);
	}
	diff->has_surviving = true;
	diff->has_leaks = first->graph.is_built && last->graph.is_built;
	sizes_init(&diff->surviving);
	sizes_init(&diff->surviving_labels);
	// Both tables ascend by address.
	for (size_t j = 0; j < now->n; j++) {
		if (now->state[j] != CHUNK_IN_USE)
			continue;
		while (i < old->n && old->mem[i] < now->mem[j])
			i++;

		bool survived = i < old->n && old->mem[i] == now->mem[j] &&
				old->state[i] == CHUNK_IN_USE &&
				chunk_usable(old, (chunk_id)i) == chunk_usable(now, (chunk_id)j);

		if (survived) {
			sizes_at(&diff->surviving, chunk_usable(now, (chunk_id)j))->count++;
			diff->surviving_count++;
			if (old_labels && old_labels[first->types.label[i]] == new_labels[last->types.label[j]])
				sizes_at(&diff->surviving_labels, new_labels[last->types.label[j]])->count++;
		}
		if (!diff->has_leaks || !reach_is_leaked(&last->graph.reach, (chunk_id)j))
			continue;
		if (!survived)
			value_add(&diff->leaked_new, chunk_usable(now, (chunk_id)j));
		else if (!reach_is_leaked(&first->graph.reach, (chunk_id)i))
			value_add(&diff->leaked_since, chunk_usable(now, (chunk_id)j));
	}
}
