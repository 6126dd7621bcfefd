/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_top.h"
#include "report/summary.h"

enum {
	DEPTH_DEFAULT = 3,
	ROWS_DEFAULT = 5,
	LINES_VERBOSE = 1000,
};

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	struct top_options top = {
		.limit = options_has(options, OPTION_LIMIT) ? options->limit : ROWS_DEFAULT,
		.depth = options_has(options, OPTION_DEPTH) && options->depth ? (size_t)options->depth : DEPTH_DEFAULT,
		.min_size = options->min_size,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};

	(void)operands, (void)status;
	print_top(writer, snapshot, &top);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_top = {
	.name = "top",
	.usage = "TARGET [OPTION...]",
	.summary = "Who keeps how much: retained sizes",
	.description = "What a variable, a frame or a chunk retains is what would be freed with it: all chunks that "
		       "every chain of pointers reaches through it. First the suspects, where much memory hangs "
		       "on one place; then the tree of who keeps what, -n rows below each row; then what all chunks of each type "
		       "retain, or of each size with --no-types. "
		       "CSV has the tree.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_DEPTH) | OPTION_BIT(OPTION_NO_TYPES),
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_DOMINATORS | NEEDS_OWNERS | NEEDS_TYPES,
	.run = run,
};
