/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_leaks.h"
#include "report/summary.h"

enum {
	ROWS_DEFAULT = 20,
	DEPTH_DEFAULT = 2,
	DEPTH_ALL = 100,
	LINES_VERBOSE = 1000,
};

/* Rows below the top with less are left out of the text. */
static const double SHARE_SHOWN = 0.05;

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	bool text = options->format == FORMAT_TEXT;
	struct leaks_options leaks = {
		.limit = options_has(options, OPTION_LIMIT) ? options->limit : text ? ROWS_DEFAULT : 0,
		.min_size = options->min_size,
		.depth = options_has(options, OPTION_DEPTH) ? (size_t)options->depth : text ? DEPTH_DEFAULT : DEPTH_ALL,
		.min_share = text && !options->verbose ? SHARE_SHOWN : 0,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};

	(void)operands;
	if (print_leaks(writer, snapshot, &leaks))
		*status = STATUS_FOUND;
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_leaks = {
	.name = "leaks",
	.usage = "TARGET [OPTION...]",
	.summary = "What nothing points to any more",
	.description = "Chunks that no chain of pointers from variables, thread-local variables, stacks, "
		       "registers and other memory leads to. A direct leak is held by nothing, an indirect "
		       "one by leaked chunks only; a cycle counts as one direct leak. Possible ones are held "
		       "by pointers into their middle only, and do not count as leaked. Leaks of one type (of one size, where they have "
		       "none) that hold others at the same places are one row, and what they hold stands below. "
		       "--min-size leaves out rows that have less with everything below, --suppress leaks that "
		       "are known (see the manual for its rules). The exit status is "
		       "1 when there is a direct leak. CSV has the table of leaks.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_DEPTH) | OPTION_BIT(OPTION_CONTENTS) | OPTION_BIT(OPTION_SUPPRESS) | OPTION_BIT(OPTION_NO_TYPES),
	.needs = NEEDS_GRAPH | NEEDS_EDGES | NEEDS_TYPES,
	.run = run,
};
