/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/command.h"
#include "cmd/message.h"
#include "report/print_list.h"
#include "report/summary.h"

static const char *const orders[] = { "address", "size", NULL };

/* The arenas that --arena names: «main» can be several, one for each allocator. */
static struct error *choose_arenas(const struct heap *heap, const char *name,
				   struct list_options *list)
{
	uint64_t number;

	list->has_arenas = true;
	for (size_t i = 0; i < heap->arenas.n; i++)
		if (!strcmp(name, "main")
			    ? heap->arenas.v[i].is_main
			    : text_parse_u64(name, &number) &&
				      (number == i || number == heap->arenas.v[i].address))
			array_append(&list->arenas, (uint32_t)i);
	if (!list->arenas.n)
		return error_create(
			ERROR_USAGE,
			"there is no arena %s; there are %zu (heapsnap arenas lists them)", name,
			heap->arenas.n);
	return NULL;
}

/* What a list cannot say in its rows goes to stderr, where it does not disturb them. */
static void tell(const struct snapshot *snapshot, const struct options *options)
{
	enum { LINES_VERBOSE = 1000 };
	const struct heap *heap = &snapshot->heap;

	if (snapshot->foreign_allocator)
		message("malloc is not glibc's here: %s; only glibc's part can be listed, %zu "
			"chunks",
			snapshot->foreign_allocator, heap->chunks.n);
	else if (!heap->allocators.n)
		message("no glibc malloc was found; heapsnap doctor says more");
	else if (!heap_is_exact(heap))
		message("this list is NOT exact");
	if (options->quiet)
		return;
	if (snapshot->runtime && !snapshot->foreign_allocator && !python_is_known(&snapshot->python))
		message("this is the native C heap only; the %s keeps its own objects elsewhere "
			"too",
			snapshot->runtime);

	struct writer_options settings = { .format = FORMAT_TEXT,
					   .fd = STDERR_FILENO,
					   .width = 80 };
	_cleanup_writer_ struct writer *writer = writer_create(&settings);

	print_trouble(writer, snapshot, options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX);
	// Nothing is left to be said where stderr cannot be written.
	error_destroy(writer_finish(writer));
}

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	enum { EVERYTHING = ~0u };
	static const enum list_order by[] = { LIST_BY_ADDRESS, LIST_BY_SIZE };
	struct list_options list = {
		.order = by[options->order],
		.limit = options->limit,
		.min_size = options->min_size,
		.max_size = options->max_size,
		.states = options->states ? options->states
			  : options->all  ? (unsigned)EVERYTHING
					  : 1u << CHUNK_IN_USE,
		.kinds = options->kinds ? options->kinds : (unsigned)EVERYTHING,
	};

	(void)operands, (void)status;
	(void)target;
	if (options->type) {
		struct error *error = operand_label(snapshot, options->type, &list.label);

		if (error)
			return error;
		list.has_label = true;
	}
	if (options->arena) {
		struct error *error = choose_arenas(&snapshot->heap, options->arena, &list);

		if (error)
			return error;
	}
	print_list(writer, snapshot, &list);
	array_deinit(&list.arenas);
	if (options->format == FORMAT_JSON)
		print_trouble(writer, snapshot, 0);
	tell(snapshot, options);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_list = {
	.name = "list",
	.usage = "TARGET [OPTION...]",
	.summary = "Every chunk, one row each",
	.description = "Chunks in use, unless --all or --state asks for others. address is "
		       "the pointer that the program holds, size its usable bytes, arena "
		       "the index that heapsnap arenas shows. The columns of CSV and the "
		       "fields of JSON are stable: later versions only append to them.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_SORT) |
		   OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_MAX_SIZE) | OPTION_BIT(OPTION_ALL) | OPTION_BIT(OPTION_STATE) |
		   OPTION_BIT(OPTION_KIND) | OPTION_BIT(OPTION_ARENA) |
		   OPTION_BIT(OPTION_NO_TYPES) | OPTION_BIT(OPTION_TYPE),
	.orders = orders,
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_DOMINATORS | NEEDS_OWNERS | NEEDS_TYPES,
	.run = run,
};
