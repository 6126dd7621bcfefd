/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_arenas.h"
#include "report/summary.h"

static const char *const orders[] = { "bytes", "free", "index", NULL };

enum {
	ROWS_DEFAULT = 12,
	LINES_VERBOSE = 1000,
};

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	static const enum arenas_order by[] = { ARENAS_BY_BYTES, ARENAS_BY_FREE, ARENAS_BY_INDEX };
	struct arenas_options arenas = {
		.order = by[options->order],
		.limit = options_has(options, OPTION_LIMIT) ? (size_t)options->limit : ROWS_DEFAULT,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};

	(void)operands, (void)status;
	print_arenas(writer, snapshot, &arenas);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_arenas = {
	.name = "arenas",
	.usage = "TARGET [OPTION...]",
	.summary = "Memory by arena, heap, bin and thread; what pins free memory",
	.description = "Per arena: what it got from the system, in use, free, top, "
		       "overhead; frag is the free part of what lies between chunks in "
		       "use, largest the largest free chunk, thr the threads attached. "
		       "Then free memory by kind of bin, each heap (or segment of a main "
		       "arena), each thread's cache, and why free memory is resident: the "
		       "pages that chunks in use keep, and what malloc_trim(3) could give "
		       "back. CSV has the table of arenas.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTION_BIT(OPTION_SORT) |
		   OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_OUTPUT),
	.orders = orders,
	.run = run,
};
